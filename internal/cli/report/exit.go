// Package report tells a person, or a program, what went wrong and what was found: errors in their layout,
// findings worst first, and the code with which hv ends.
//
// What lives here: how failures are told. What does not: results (output) and what is done about failures.
package report

import (
	"context"
	"errors"
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Code is what hv ends with.
type Code int

// The exit codes.
const (
	Done        Code = 0
	Refused     Code = 1   // refused or failed
	Misused     Code = 2   // usage, or input that cannot be read
	Missing     Code = 3   // not found
	NoDaemon    Code = 4   //
	TimeUp      Code = 5   // the work goes on
	Interrupted Code = 130 // the work goes on
)

// The causes with which a call's context ends. What was asked of the daemon goes on.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrTimeUp      = errors.New("time is up")
)

// Ended is an error that says how hv ends. With a nil Err everything was told already.
type Ended struct {
	Code Code
	Err  error
}

func (e *Ended) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Ended) Unwrap() error { return e.Err }

// Told is the end of a call whose outcome was told already.
func Told(c Code) error {
	if c == Done {
		return nil
	}
	return &Ended{Code: c}
}

// Usage is an error in how hv was called; hint is the next step.
func Usage(hint, format string, args ...any) error {
	return &Ended{Misused, fault.New(fault.Invalid, format, args...).Try("%s", hint)}
}

// Stopped is the end of what goes on until it is interrupted: a Ctrl-C is what was waited for, and nothing
// to tell about. ctx has ended.
func Stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrInterrupted) {
		return Told(Interrupted)
	}
	return cause
}

// CodeOf returns the code with which hv ends after err.
func CodeOf(err error) Code {
	if err == nil {
		return Done
	}
	if e, ok := errors.AsType[*Ended](err); ok {
		return e.Code
	}
	switch {
	case errors.Is(err, ErrInterrupted), errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, ErrTimeUp), errors.Is(err, context.DeadlineExceeded):
		return TimeUp
	case unreached(err):
		return NoDaemon
	case unreadable(err):
		return Misused
	case fault.KindOf(err) == fault.NotFound:
		return Missing
	}
	return Refused
}

// unreached reports whether no daemon was spoken to, whatever stands between it and us.
func unreached(err error) bool {
	switch fault.CodeOf(err) {
	case wire.CodeNoDaemon, wire.CodeNoEntry, wire.CodeNoSSH, wire.CodeNoHost, wire.CodeNoLogin, wire.CodeNoProxy:
		return true
	}
	return false
}

// unreadable reports whether err is about a file of the user's that does not say what it should: the
// daemon was not even asked.
func unreadable(err error) bool {
	if _, ok := errors.AsType[*config.Problems](err); ok {
		return true
	}
	if _, ok := errors.AsType[*nixlang.Error](err); ok {
		return true
	}
	_, answered := errors.AsType[*client.Failure](err)
	return !answered && fault.KindOf(err) == fault.Unreadable && fault.CodeOf(err) != wire.CodeStrangers
}

// rank orders codes by how bad they are for a call that acted on many.
var rank = []Code{Done, Missing, Refused, TimeUp, Misused, NoDaemon, Interrupted}

// Worst returns the worse of two codes.
func Worst(a, b Code) Code {
	for i := len(rank) - 1; i >= 0; i-- {
		if rank[i] == a || rank[i] == b {
			return rank[i]
		}
	}
	return max(a, b)
}
