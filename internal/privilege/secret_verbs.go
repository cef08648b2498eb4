//go:build linux

package privilege

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// SealSecret has a secret sealed to this host, for a key of that name.
func (c *Client) SealSecret(ctx context.Context, key, with string, secret []byte) ([]byte, error) {
	if with == "" {
		return nil, fault.New(fault.Internal, "nothing is said to seal key %q with", key)
	}
	return c.secret(ctx, Secret{Key: key, With: with}, secret, MaxSealedSecret)
}

// OpenSecret opens what was sealed so.
func (c *Client) OpenSecret(ctx context.Context, key string, sealed []byte) ([]byte, error) {
	return c.secret(ctx, Secret{Key: key}, sealed, MaxSecret)
}

func (c *Client) secret(ctx context.Context, body Secret, in []byte, most int64) (out []byte, err error) {
	f, err := SecretFile(in)
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot hand over a secret").Because(err)
	}
	defer func() { _ = f.Close() }() // hv-helper has its own
	files, err := c.call(ctx, VerbSecret, body, []*os.File{f}, nil, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, files[0].Close()) }()
	return ReadSecret(files[0], most)
}

// SecretFile is a memfd with what it is to hold.
func SecretFile(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("secret", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "secret")
	if _, err := f.WriteAt(text, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadSecret is what a memfd holds, from its beginning and at most so much.
func ReadSecret(f *os.File, most int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fault.New(fault.Unreadable, "a secret cannot be read").Because(err)
	}
	if !info.Mode().IsRegular() || info.Size() > most || info.Size() == 0 {
		return nil, fault.New(fault.Unreadable, "a secret is in no file of 1 to %d bytes", most)
	}
	out, err := io.ReadAll(io.NewSectionReader(f, 0, most))
	if err != nil {
		return nil, fault.New(fault.Unreadable, "a secret cannot be read").Because(err)
	}
	return out, nil
}
