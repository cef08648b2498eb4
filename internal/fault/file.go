package fault

import (
	"errors"
	"io/fs"
	"syscall"
)

// File returns err, which came from the file system, in the words of format and with the kind that
// it has: Exhausted where there is no room, NotFound where there is no file, else Unavailable. An
// error that has a kind already keeps it. A nil err gives nil.
func File(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if KindOf(err) != Internal {
		return Wrap(err, format, args...)
	}
	kind := Unavailable
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG), errors.Is(err, syscall.ENOMEM):
		kind = Exhausted
	case errors.Is(err, fs.ErrNotExist):
		kind = NotFound
	}
	return New(kind, format, args...).Because(err)
}
