// Package fault holds the few kinds of error this product knows, and the shape in which one is
// told to a person: the thing, the cause, the next step.
//
// What lives here: kinds, the Error value, how to wrap one. What does not: HTTP statuses and exit
// codes (api/rest and cli choose them from the kind) and what a rule says (package finding).
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure this is. A Kind is itself an error, so that
// errors.Is(err, fault.NotFound) asks for it.
type Kind uint8

// The kinds. Internal is the zero value: an error of no named kind is our own mistake.
const (
	Internal        Kind = iota // our mistake
	Unreadable                  // input that cannot be parsed at all
	Invalid                     // input that was read and is wrong
	Unauthenticated             // no identity
	Denied                      // an identity that may not, a feature that is off, a phase that forbids
	NotFound                    // the named thing does not exist
	Conflict                    // somebody else holds it, or it exists already
	Precondition                // the state or revision is not the one asked for
	Exhausted                   // no room, no memory, too many
	Unavailable                 // cannot be reached just now; trying again may help
)

var kindNames = [...]string{
	"internal", "unreadable", "invalid", "unauthenticated", "denied",
	"not found", "conflict", "precondition", "exhausted", "unavailable",
}

func (k Kind) Error() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Error is a failure as a person reads it: `What: Why`, and what to do next.
type Error struct {
	Kind Kind
	Code string // stable, such as HV-VOL-003; empty where nobody needs to look it up
	What string // "cannot start vm \"web\""; lower case, no full stop
	Hint string // the next step, a command where there is one; may be empty

	cause error
}

// New returns an error of kind k that says what happened.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, What: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of err's own kind that puts what before err. A nil err gives nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: KindOf(err), What: fmt.Sprintf(format, args...), cause: err}
}

// Because sets the cause.
func (e *Error) Because(cause error) *Error { e.cause = cause; return e }

// WithCode sets the stable code.
func (e *Error) WithCode(code string) *Error { e.Code = code; return e }

// Try sets the next step.
func (e *Error) Try(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) Error() string {
	if e.cause == nil {
		return e.What
	}
	if e.What == "" {
		return e.cause.Error()
	}
	return e.What + ": " + e.cause.Error()
}

func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is this error's kind. A wrapped cause of another kind does not count:
// the outermost kind is the one that was chosen on purpose.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// KindOf returns the kind of the outermost Error (or bare Kind) in err's chain, Internal if there
// is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return Internal
}

// HintOf returns the first hint in err's chain, from the outside in.
func HintOf(err error) string { return first(err, func(e *Error) string { return e.Hint }) }

// CodeOf returns the first code in err's chain, from the outside in.
func CodeOf(err error) string { return first(err, func(e *Error) string { return e.Code }) }

func first(err error, field func(*Error) string) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if s := field(e); s != "" {
			return s
		}
		err = e.cause
	}
	return ""
}

// Retryable reports whether the same call may succeed later without anybody changing anything.
func Retryable(err error) bool { return KindOf(err) == Unavailable }
