// Package osfault gives errors of the operating system the kinds of package fault, which is pure and
// knows nothing of errno.
package osfault

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// File returns err, which came from the file system, in the words of format and with the kind that
// it has: Exhausted where there is no room, NotFound where there is no file, else Unavailable. An
// error that has a kind already keeps it. A nil err gives nil.
func File(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if fault.KindOf(err) != fault.Internal {
		return fault.Wrap(err, format, args...)
	}
	kind := fault.Unavailable
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG), errors.Is(err, syscall.ENOMEM):
		kind = fault.Exhausted
	case errors.Is(err, fs.ErrNotExist):
		kind = fault.NotFound
	}
	return fault.New(kind, format, args...).Because(err)
}
