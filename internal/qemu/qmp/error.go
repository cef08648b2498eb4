package qmp

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// The error classes QEMU has left; everything else is GenericError.
const (
	ClassGeneric         = "GenericError"
	ClassCommandNotFound = "CommandNotFound"
	ClassDeviceNotFound  = "DeviceNotFound"
	ClassDeviceNotActive = "DeviceNotActive"
	ClassKVMMissingCap   = "KVMMissingCap"
)

// Error is QEMU's refusal of a command, in its own words.
type Error struct {
	Command string `json:"-"`
	Class   string `json:"class"`
	Desc    string `json:"desc"` // for people; QEMU changes it between versions
}

func (e *Error) Error() string {
	if e.Class == ClassCommandNotFound && !strings.Contains(e.Desc, "negotiation") {
		return fmt.Sprintf("this QEMU has no command %s", e.Command)
	}
	return e.Desc
}

// kind translates the class, and where QEMU has no class for it, its words.
func (e *Error) kind() fault.Kind {
	switch e.Class {
	case ClassDeviceNotFound:
		return fault.NotFound
	case ClassGeneric:
		for _, w := range genericWords {
			if strings.Contains(e.Desc, w.words) {
				return w.kind
			}
		}
	}
	return fault.Precondition
}

// genericWords are parts of GenericError texts, the same in QEMU 7.2 and 10.0.
var genericWords = []struct {
	words string
	kind  fault.Kind
}{
	{`" lock`, fault.Conflict}, // Failed to get "write" lock
	{"Duplicate ", fault.Conflict},
	{"is in use", fault.Conflict},
	{"is already ", fault.Conflict},
	{"already exists", fault.Conflict},
	{"Failed to find ", fault.NotFound},
	{"not found", fault.NotFound},
	{"does not exist", fault.NotFound},
	{"No such file", fault.NotFound},
	{"Cannot find ", fault.NotFound},
	{"is missing", fault.Invalid},
	{"Invalid parameter", fault.Invalid},
	{"is unexpected", fault.Invalid},
	{"Cannot allocate memory", fault.Exhausted},
	{"Too many open files", fault.Exhausted},
	{"No space left", fault.Exhausted},
	{"Permission denied", fault.Denied},
}

// refused makes the error of a command that QEMU answered with one.
func (c *Client) refused(command string, e *Error) error {
	e.Command = command
	err := fault.New(e.kind(), "%s: QEMU refused %s", c.o.Name, command).Because(e)
	if strings.Contains(e.Desc, `" lock`) {
		return err.Try("another process has the image open; stop it, or the VM that uses it")
	}
	return err
}

// unanswered makes the error of a command that got no answer.
func (c *Client) unanswered(command string, cause error) error {
	return fault.New(fault.Unavailable, "%s: QEMU has not answered %s", c.o.Name, command).Because(cause)
}
