package audit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// lockFile keeps a second writer out.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- our own folder
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot lock the audit log").Because(err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		b := make([]byte, 32)
		n, _ := f.ReadAt(b, 0)
		_ = f.Close()
		return nil, fault.New(fault.Conflict, "the audit log %s is in use by process %s", filepath.Dir(path), strings.TrimSpace(string(b[:n]))).
			Try("stop that one first").WithCode(CodeInUse)
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, fault.New(fault.Unavailable, "cannot lock the audit log").Because(err)
	}
	return f, nil
}

// openKey reads the signing key, or makes one for a log that has no records yet.
func (l *Log) openKey() error {
	path := filepath.Join(l.dir, record.KeyFile)
	b, err := os.ReadFile(path) // #nosec G304 -- our own folder
	if errors.Is(err, os.ErrNotExist) {
		return l.makeKey()
	}
	if err != nil {
		return l.fail(err)
	}
	secret, public, _ := strings.Cut(string(b), "\n")
	l.vkey = strings.TrimSuffix(public, "\n")
	if l.key, err = note.NewSigner(secret); err == nil {
		l.pub, err = note.NewVerifier(l.vkey)
	}
	if err != nil {
		return l.damaged("its signing key cannot be read", err)
	}
	return nil
}

func (l *Log) makeKey() error {
	firsts, err := l.listSegments()
	if err != nil {
		return l.fail(err)
	}
	if len(firsts) > 0 {
		return l.damaged("its signing key is missing", nil)
	}
	if len(l.opt.Origin) > 64 {
		return fault.New(fault.Invalid, "the name of the audit key has %d bytes: at most 64", len(l.opt.Origin))
	}
	secret, public, err := note.GenerateKey(rand.Reader, l.opt.Origin)
	if err != nil {
		return fault.New(fault.Internal, "cannot make the key of the audit log").Because(err)
	}
	if l.key, err = note.NewSigner(secret); err != nil {
		return fault.New(fault.Invalid, "cannot name the audit key %q", l.opt.Origin).Because(err)
	}
	if l.pub, err = note.NewVerifier(public); err != nil {
		return fault.New(fault.Invalid, "cannot name the audit key %q", l.opt.Origin).Because(err)
	}
	l.vkey = public
	// The key last: a log that has it has the rest.
	signed, err := record.SignHead(record.Head{Root: emptyRoot}, l.key)
	if err != nil {
		return err
	}
	padded, err := record.PadHead(signed)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		mode    os.FileMode
		content []byte
	}{
		{record.HeadFile, 0o600, padded},
		{record.PublicFile, 0o644, []byte(public + "\n")},
		{record.KeyFile, 0o600, []byte(secret + "\n" + public + "\n")},
	} {
		if err := replaceFile(filepath.Join(l.dir, f.name), f.mode, f.content); err != nil {
			return l.fail(err)
		}
	}
	return nil
}

// replaceFile puts a whole, durable file in place.
func replaceFile(path string, mode os.FileMode, content []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// fail gives an error of the file system its kind and its next step.
func (l *Log) fail(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(fault.Exhausted, "no room for the audit log in %s", l.dir).Because(err).Try("free some space on that disk").WithCode(CodeFull)
	}
	return fault.New(fault.Unavailable, "cannot use the audit log in %s", l.dir).Because(err)
}

// damaged says that the files are not what we wrote.
func (l *Log) damaged(how string, cause error) error {
	e := fault.New(fault.Unreadable, "the audit log in %s is damaged: %s", l.dir, how).
		Try("hv audit verify says what is wrong; keep the folder for who is to look at it, and move it away to begin a new log").WithCode(CodeDamaged)
	if cause != nil {
		return e.Because(cause)
	}
	return e
}
