// Package record is the written form of the audit log: what a record says, how a line of a segment
// file is read and written, what a signed head looks like, how the files are named.
//
// What lives here: values and their encoding, shared by the log that appends and the verification
// that only reads. What does not: files, keys on disk, the clock.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Bounds of a record. Names beyond theirs are refused; texts are clipped, since a mutation must
// not escape its audit by the length of an error.
const (
	MaxName   = 512     // bytes of an action, a target, an operation, a user, the key of a parameter
	MaxText   = 4 << 10 // bytes of a result, an error, the value of a parameter
	MaxParams = 64
	MaxLine   = 1 << 20 // bytes of a line, more than any record can have
)

// Phase says which side of an action a record stands on.
type Phase string

// The phases: an intent is written before anything is done, its outcome after; a note stands alone
// (the log itself writes one when it has repaired its end).
const (
	Intent  Phase = "intent"
	Outcome Phase = "outcome"
	Note    Phase = "note"
)

// Actor is who did it.
type Actor struct {
	UID  int64  `json:"uid"`            // -1 for the daemon itself
	User string `json:"user,omitempty"` // the name that uid had then
	Via  string `json:"via,omitempty"`  // "unix", "ssh", "schedule"
}

// Record is one entry. Params never hold a secret: what is named like one is blanked by Clean, and
// who calls leaves the others out.
type Record struct {
	Seq       int64             `json:"seq"` // 1 for the first, without gaps; given by the log
	Time      time.Time         `json:"time"`
	Actor     Actor             `json:"actor"`
	Action    string            `json:"action"`              // "vm.start"
	Target    string            `json:"target,omitempty"`    // "vm web"
	Phase     Phase             `json:"phase"`               //
	Intent    int64             `json:"intent,omitempty"`    // of an outcome: the Seq of its intent
	Operation string            `json:"operation,omitempty"` // id of the operation
	Result    string            `json:"result,omitempty"`    // what came of it, in words
	Error     string            `json:"error,omitempty"`     // why it failed; empty if it did not
	Params    map[string]string `json:"params,omitempty"`
}

// Check says what is wrong with a record, as fault.Invalid.
func (r Record) Check() error {
	for what, s := range map[string]string{"action": r.Action, "target": r.Target, "operation": r.Operation, "user": r.Actor.User, "via": r.Actor.Via} {
		if len(s) > MaxName {
			return fault.New(fault.Invalid, "the %s of an audit record has %d bytes: at most %d", what, len(s), MaxName)
		}
	}
	switch {
	case r.Action == "":
		return fault.New(fault.Invalid, "an audit record names no action")
	case r.Time.IsZero():
		return fault.New(fault.Invalid, "the audit record of %s has no time", r.Action)
	case r.Time.Year() < 1 || r.Time.Year() > 9999:
		return fault.New(fault.Invalid, "the audit record of %s is of the year %d", r.Action, r.Time.Year())
	case r.Phase != Intent && r.Phase != Outcome && r.Phase != Note:
		return fault.New(fault.Invalid, "the audit record of %s has an unknown phase %q", r.Action, r.Phase)
	case (r.Phase == Outcome) != (r.Intent > 0) || r.Intent < 0:
		return fault.New(fault.Invalid, "the audit record of %s: an outcome, and only that, names its intent", r.Action)
	case len(r.Params) > MaxParams:
		return fault.New(fault.Invalid, "the audit record of %s has %d parameters: at most %d", r.Action, len(r.Params), MaxParams)
	}
	for k := range r.Params {
		if len(k) > MaxName {
			return fault.New(fault.Invalid, "the audit record of %s has a parameter's name of %d bytes: at most %d", r.Action, len(k), MaxName)
		}
	}
	return nil
}

// Clean returns the record as it is written: UTC, valid UTF-8, long texts clipped, what is named
// like a secret blanked.
func (r Record) Clean() Record {
	r.Time = r.Time.UTC().Round(0)
	for _, s := range []*string{&r.Action, &r.Target, &r.Operation, &r.Actor.User, &r.Actor.Via} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	r.Result, r.Error = clip(r.Result), clip(r.Error)
	params := make(map[string]string, len(r.Params))
	for _, k := range slices.Sorted(maps.Keys(r.Params)) { // sorted: two keys may become one
		v := clip(r.Params[k])
		if secret(k) && v != "" {
			v = "[not logged]"
		}
		params[strings.ToValidUTF8(k, "\uFFFD")] = v
	}
	if r.Params = params; len(params) == 0 {
		r.Params = nil
	}
	return r
}

// clip makes a text valid and no longer than MaxText.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= MaxText {
		return s
	}
	end := MaxText - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// secret reports whether a parameter is named like something nobody should read.
func secret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"password", "passwd", "passphrase", "secret", "token", "credential", "privatekey", "private_key", "private-key"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// Encode returns the line of a record, without its newline. The bytes are what the tree hashes.
func Encode(r Record) ([]byte, error) { return marshal(r) }

// marshal is JSON without the escapes that are meant for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fault.New(fault.Internal, "cannot encode an audit record").Because(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Line is a line of a segment file: a record or a signed head.
type Line struct {
	Record *Record
	Head   []byte // the signed note, see OpenHead
}

// headLine is the written form of a head among the records.
type headLine struct {
	Head string `json:"head"`
}

// EncodeHead returns the line of a signed head, without its newline.
func EncodeHead(signed []byte) ([]byte, error) { return marshal(headLine{string(signed)}) }

// IsRecord reports, without reading it, whether a line was written as a record.
func IsRecord(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"seq":`)) }

// Decode reads a line, without its newline. It accepts exactly what Encode and EncodeHead write, so
// that no two lines mean the same; anything else is fault.Unreadable.
func Decode(line []byte) (Line, error) {
	if len(line) > MaxLine {
		return Line{}, unreadable(fmt.Errorf("it has %d bytes", len(line)))
	}
	if !IsRecord(line) {
		var h headLine
		err := strict(line, &h)
		return Line{Head: []byte(h.Head)}, err
	}
	var r Record
	if err := strict(line, &r); err != nil {
		return Line{}, err
	}
	if err := r.Check(); err != nil {
		return Line{}, unreadable(err)
	}
	if r.Seq < 1 || r.Intent >= r.Seq {
		return Line{}, unreadable(fmt.Errorf("record %d cannot be the outcome of record %d", r.Seq, r.Intent))
	}
	return Line{Record: &r}, nil
}

// strict decodes JSON that has only the fields of v, and is written as we write it.
func strict(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return unreadable(errors.New("there is more after the value"))
	}
	again, err := marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, line) {
		return unreadable(errors.New("it is not written as the log writes"))
	}
	return nil
}

func unreadable(cause error) error {
	return fault.New(fault.Unreadable, "this is no line of an audit log").Because(cause)
}
