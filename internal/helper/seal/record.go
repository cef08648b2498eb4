package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

const (
	fileName = "seal.json"
	version  = 1
	// longest is more than a seal with as many VMs as there may be takes.
	longest = 4 << 20
)

// The phases as they are kept.
const (
	setup    = "setup"
	hardened = "hardened"
)

// record is the seal on disk. A host that was never hardened has none.
type record struct {
	Version      int              `json:"version"`
	Phase        string           `json:"phase"`
	Since        time.Time        `json:"since"`
	By           privilege.Person `json:"by"`
	Generation   int64            `json:"generation,omitempty"`
	Digest       string           `json:"digest,omitempty"`
	KeyHash      recovery.Hash    `json:"keyHash,omitempty"`
	DelaySeconds int              `json:"delaySeconds,omitempty"`
	VMs          []string         `json:"vms,omitempty"` // UUIDs, sorted
	Unlock       *opening         `json:"unlock,omitempty"`
	Wrong        *attempts        `json:"wrong,omitempty"`
}

// opening is an unlock that was asked for with the right key.
type opening struct {
	By    privilege.Person `json:"by"`
	Asked time.Time        `json:"asked"`
	At    mark             `json:"at"`
}

// attempts are wrong keys, one after the other.
type attempts struct {
	Count int  `json:"count"`
	Last  mark `json:"last"`
}

// mark is a moment of one boot. Setting the clock does not move it, and a boot later the time until it is not
// known: what is counted from it is counted anew.
type mark struct {
	Boot   string `json:"boot"`
	Millis int64  `json:"millis"` // since that boot, also while the host slept
}

// since is how long ago m is, or how long the host has been up where it has been started since.
func (m mark) since(now mark) time.Duration {
	if m.Boot != now.Boot {
		return time.Duration(now.Millis) * time.Millisecond
	}
	return time.Duration(now.Millis-m.Millis) * time.Millisecond
}

func (r *record) check() error {
	switch {
	case r.Version != version:
		return fmt.Errorf("version %d; this build knows version %d", r.Version, version)
	case r.Phase == setup:
		return nil
	case r.Phase != hardened:
		return fmt.Errorf("phase %.20q", r.Phase)
	}
	if _, err := recovery.ParseHash(string(r.KeyHash)); err != nil {
		return err
	}
	if d := time.Duration(r.DelaySeconds) * time.Second; r.DelaySeconds < 0 || d > privilege.MaxUnlockDelay {
		return fmt.Errorf("delay of %d seconds", r.DelaySeconds)
	}
	if sum, err := hex.DecodeString(strings.TrimPrefix(r.Digest, privilege.DigestForm)); err != nil || len(sum) != 32 {
		return errors.New("its digest is none")
	}
	if len(r.VMs) > privilege.MaxSealed {
		return fmt.Errorf("%d VMs", len(r.VMs))
	}
	return nil
}

// read reads the seal in dir; nil where there is none.
func read(dir *os.File) (*record, error) {
	fd, err := unix.Openat(int(dir.Fd()), fileName, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: fileName, Err: err}
	}
	file := os.NewFile(uintptr(fd), fileName)
	defer func() { _ = file.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(file, longest+1))
	if err != nil {
		return nil, err
	}
	return parse(data)
}

func parse(data []byte) (*record, error) {
	if len(data) > longest {
		return nil, fmt.Errorf("more than %d bytes", longest)
	}
	var r record
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after its end")
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return &r, nil
}

// write replaces the seal: a new file, synced, renamed over the old one, and the folder synced. step is asked before
// each of them.
func (r *record) write(dir *os.File, step func(string) error) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	const fresh = fileName + ".new"
	at := int(dir.Fd())
	var file *os.File
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"remove", func() error {
			if err := unix.Unlinkat(at, fresh, 0); err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
			return nil
		}},
		{"create", func() error {
			fd, err := unix.Openat(at, fresh, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
			if err == nil {
				file = os.NewFile(uintptr(fd), fresh)
			}
			return err
		}},
		{"write", func() error { _, err := file.Write(data); return err }},
		{"sync", func() error { return file.Sync() }},
		{"rename", func() error { return unix.Renameat(at, fresh, at, fileName) }},
		{"sync the folder", dir.Sync},
	} {
		err := step(s.name)
		if err == nil {
			err = s.do()
		}
		if err != nil {
			if file != nil {
				_ = file.Close() // what was written is not used
			}
			return fmt.Errorf("%s %s: %w", s.name, fileName, err)
		}
	}
	return file.Close()
}
