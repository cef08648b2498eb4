package osfault

import (
	"io/fs"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestAnErrorOfTheFileSystemGetsItsKind(t *testing.T) {
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{&fs.PathError{Op: "write", Err: syscall.ENOSPC}, fault.Exhausted},
		{&fs.PathError{Op: "open", Err: syscall.ENOENT}, fault.NotFound},
		{&fs.PathError{Op: "open", Err: syscall.EIO}, fault.Unavailable},
		{fault.New(fault.Invalid, "no image"), fault.Invalid},
	} {
		if got := fault.KindOf(File(c.err, "cannot store it")); got != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
	if File(nil, "nothing") != nil {
		t.Error("no error became one")
	}
}
