package local

import (
	"errors"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// The codes of a store that cannot be used. They are stable.
const (
	CodeDamaged = "HV-STORE-001" // it is not what was written
	CodeNewer   = "HV-STORE-002" // a newer version of this program wrote it
	CodeInUse   = "HV-STORE-003" // another process has it open
	CodeFull    = "HV-STORE-004" // no room for it
)

// fail gives an error of SQLite or of the file system its kind and its next step. An error that has
// a kind keeps it.
func (s *Store) fail(err error) error { return failAt(s.path, err) }

func failAt(path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	switch {
	case isFull(err):
		return fault.New(fault.Exhausted, "no room for the store %s", path).Because(err).
			Try("free some space on that disk").WithCode(CodeFull)
	case isDamage(err):
		return damagedAt(path, err)
	case errors.Is(err, fs.ErrPermission), resultCode(err) == sqlite3.SQLITE_READONLY, resultCode(err) == sqlite3.SQLITE_CANTOPEN:
		return fault.New(fault.Unavailable, "cannot use the store %s", path).Because(err).
			Try("look at the owner and the mode of the file and its folder, and whether the disk is mounted read-only")
	default:
		return fault.New(fault.Unavailable, "the store %s failed", path).Because(err)
	}
}

// damaged says that the file is not what we wrote.
func (s *Store) damaged(cause error) error { return damagedAt(s.path, cause) }

func damagedAt(path string, cause error) error {
	return fault.New(fault.Unreadable, "the store %s is damaged", path).Because(cause).
		Try("sudo hv store check, then sudo hv store restore").WithCode(CodeDamaged)
}

// resultCode is SQLite's primary result code (https://sqlite.org/rescode.html), 0 for another error.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

func isFull(err error) bool {
	return resultCode(err) == sqlite3.SQLITE_FULL || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isDamage(err error) bool {
	code := resultCode(err)
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}
