package qmp

import (
	"context"
	"encoding/json"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// call is a command with the types of its arguments and of its answer. Every call is defined by
// define, so that a test can hold all of them against the recorded schemas of real QEMUs.
type call[A, R any] struct {
	name string
	oob  bool
}

// defined lists all calls: name, and a zero value of arguments and answer.
var defined []definition

type definition struct {
	name         string
	args, answer any
}

func define[A, R any](name string) call[A, R] {
	var a A
	var r R
	defined = append(defined, definition{name, a, r})
	return call[A, R]{name: name}
}

// none is the arguments, or the answer, of a command that has none.
type none struct{}

func (c call[A, R]) do(ctx context.Context, on Executor, args A, files ...*os.File) (R, error) {
	var r R
	cmd := Command{Name: c.name, Args: args, OOB: c.oob, Files: files}
	if _, ok := any(args).(none); ok {
		cmd.Args = nil
	}
	raw, err := on.Execute(ctx, cmd)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fault.New(fault.Internal, "QEMU's answer to %s is not what its schema says: %s", c.name, plain(err.Error()))
	}
	return r, nil
}

// run is do for a command whose answer says nothing.
func (c call[A, R]) run(ctx context.Context, on Executor, args A, files ...*os.File) error {
	_, err := c.do(ctx, on, args, files...)
	return err
}
