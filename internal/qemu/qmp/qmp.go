// Package qmp speaks the QEMU Machine Protocol: it codes and decodes messages, matches answers to
// commands, keeps events in order, and has a typed function for every command this product uses.
//
// What lives here: the protocol over any stream that somebody else opened. What does not: sockets
// (package monitor is the only one that dials a VM), what a command is good for (plan, reconcile),
// and what a given QEMU can do (qmp/schema reads that from query-qmp-schema).
//
// Source: docs/interop/qmp-spec.rst and qapi/*.json of QEMU.
package qmp

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Command is one request to QEMU.
type Command struct {
	Name string // as QEMU spells it: "query-status", "device_add"
	Args any    // marshals to a JSON object; nil for none

	// OOB sends the command out of band: QEMU takes it at once, even while a slow command holds its
	// main loop. Few commands allow it (schema: allow-oob).
	OOB bool

	// Files go along as file descriptors (SCM_RIGHTS); the caller keeps its own copies and closes
	// them. Only getfd and add-fd take one.
	Files []*os.File
}

// Executor runs commands in one QEMU. *Client is one, and so is a monitor.
type Executor interface {
	// Execute sends cmd and waits for its answer: the value of "return". The error is a
	// *fault.Error: with an *Error inside if QEMU refused, of kind Unavailable if there was no
	// answer. After an end of ctx the command may still take effect.
	Execute(ctx context.Context, cmd Command) (json.RawMessage, error)
}

// FileSender is a stream that can send file descriptors with bytes: all of p goes out, the files with
// its first byte. After an error n bytes did; with n = 0 the stream is as it was before.
type FileSender interface {
	SendFiles(p []byte, files []*os.File) (n int, err error)
}

// Version is a version of QEMU.
type Version struct {
	QEMU struct {
		Major int `json:"major"`
		Minor int `json:"minor"`
		Micro int `json:"micro"`
	} `json:"qemu"`
	Package string `json:"package"` // the distribution's own version; may be empty
}

func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", v.QEMU.Major, v.QEMU.Minor, v.QEMU.Micro)
}

// AtLeast reports whether v is major.minor or newer.
func (v Version) AtLeast(major, minor int) bool {
	return v.QEMU.Major > major || v.QEMU.Major == major && v.QEMU.Minor >= minor
}

// Greeting is the first message of a QEMU that serves us.
type Greeting struct {
	Version      Version  `json:"version"`
	Capabilities []string `json:"capabilities"`
}

// Options of a client. The zero value of each field means its default.
type Options struct {
	// Name says in errors whose monitor this is: `vm "web"`.
	Name string

	// Greeting is how long Negotiate waits for the first message. Default 2 s: right for a QEMU that
	// runs already, where silence means that another client holds the monitor. A QEMU that was just
	// started needs longer on a busy host.
	Greeting time.Duration

	// Command bounds a command whose context has no deadline. Default 30 s.
	Command time.Duration

	// Write bounds the sending of one message; a QEMU that does not read for so long is given up.
	// Default 5 s.
	Write time.Duration

	// MaxMessage is the largest message in bytes, either way. Default 16 MiB (query-qmp-schema
	// answers 0.2 MiB).
	MaxMessage int

	// MaxEvents and MaxEventBytes bound what one subscription holds for a slow reader. Default
	// 65,536 events and 8 MiB. A guest that resets itself makes 6,000 events a second.
	MaxEvents, MaxEventBytes int
}

func (o Options) withDefaults() Options {
	fill(&o.Name, "qemu")
	fill(&o.Greeting, 2*time.Second)
	fill(&o.Command, 30*time.Second)
	fill(&o.Write, 5*time.Second)
	fill(&o.MaxMessage, 16<<20)
	fill(&o.MaxEvents, 65536)
	fill(&o.MaxEventBytes, 8<<20)
	return o
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
