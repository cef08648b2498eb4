package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// The endings of the files in the folder.
const (
	dataSuffix     = ".db"
	manifestSuffix = ".json"
)

// Folder is where snapshots are kept.
type Folder struct{ path string }

// At returns the folder at path. It is made when the first snapshot is.
func At(path string) Folder { return Folder{path} }

// Path returns where the copy of a snapshot stands.
func (f Folder) Path(name string) string { return filepath.Join(f.path, name+dataSuffix) }

// List returns every snapshot that has a manifest, oldest first, and the names of those whose manifest
// cannot be read.
func (f Folder) List() (all []Manifest, unreadable []string, err error) {
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fault.New(fault.Unavailable, "cannot look for snapshots of the store").Because(err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), manifestSuffix)
		if !ok || CheckName(name) != nil {
			continue
		}
		m, err := f.Read(name)
		if err != nil {
			unreadable = append(unreadable, name)
			continue
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Manifest) int { return a.Time.Compare(b.Time) })
	return all, unreadable, nil
}

// Read returns the manifest of one snapshot; fault.NotFound where there is none.
func (f Folder) Read(name string) (Manifest, error) {
	if err := CheckName(name); err != nil {
		return Manifest{}, err
	}
	file, err := open(filepath.Join(f.path, name+manifestSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fault.New(fault.NotFound, "there is no snapshot %s", name).Try("hv store list").WithCode("HV-STORE-005")
	}
	if err != nil {
		return Manifest{}, unreadable(err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, MaxManifest+1))
	if err != nil {
		return Manifest{}, unreadable(err)
	}
	m, err := Decode(b)
	if err == nil && m.Name != name {
		return Manifest{}, unreadable(errors.New("it names another snapshot"))
	}
	return m, err
}

// Verify reads the copy and compares it with its manifest.
func (f Folder) Verify(m Manifest) error {
	wrong := func(cause error) error {
		return fault.New(fault.Unreadable, "the snapshot %s is damaged", m.Name).Because(cause).Try("choose another: hv store list").WithCode("HV-STORE-005")
	}
	file, err := open(f.Path(m.Name))
	if err != nil {
		return wrong(err)
	}
	defer file.Close()
	n, sum, err := digest(io.LimitReader(file, m.Bytes+1))
	switch {
	case err != nil:
		return wrong(err)
	case n != m.Bytes:
		return wrong(errors.New("its size is not the one that was written down"))
	case sum != m.SHA256:
		return wrong(errors.New("its checksum is not the one that was written down"))
	}
	return nil
}

func digest(r io.Reader) (int64, string, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// open opens a regular file for reading, and nothing else: no link, no pipe that would be waited for.
func open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // #nosec G304 -- our own folder
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return nil, errors.Join(err, errors.New("it is no file"))
	}
	return file, nil
}

// Add adds a snapshot. fill makes the copy at the path that it is given, where there is nothing, and says in
// the manifest what it has copied; the rest of that is filled in here. All of it is durable when Add returns,
// and of one that fails, or is cut off, nothing is listed.
func (f Folder) Add(now time.Time, reason Reason, fill func(path string) (Manifest, error)) (m Manifest, err error) {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return m, failed(err)
	}
	if err := f.tidy(); err != nil {
		return m, failed(err)
	}
	made, err := os.MkdirTemp(f.path, "making-*")
	if err != nil {
		return m, failed(err)
	}
	defer func() { _ = os.RemoveAll(made) }()
	copied := filepath.Join(made, "copy")
	if m, err = fill(copied); err != nil {
		return m, failed(err)
	}
	m.Form, m.Name, m.Time, m.Reason = Form, Name(now, m.Revision), now.UTC(), reason
	if m.Bytes, m.SHA256, err = settle(copied); err != nil {
		return m, failed(err)
	}
	text, err := m.Encode()
	if err != nil {
		return m, failed(err)
	}
	manifest := filepath.Join(made, "manifest")
	if err := os.WriteFile(manifest, text, 0o600); err != nil {
		return m, failed(err)
	}
	if _, _, err := settle(manifest); err != nil {
		return m, failed(err)
	}
	// The manifest last: a snapshot that has it has the rest.
	for _, move := range [][2]string{{copied, f.Path(m.Name)}, {manifest, filepath.Join(f.path, m.Name+manifestSuffix)}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			return m, failed(err)
		}
		if err := syncFolder(f.path); err != nil {
			return m, failed(err)
		}
	}
	return m, nil
}

// settle makes a file durable and ours alone, and returns its size and its checksum.
func settle(path string) (int64, string, error) {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0) // #nosec G304 -- our own folder
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	if err := file.Chmod(0o600); err != nil {
		return 0, "", err
	}
	if err := file.Sync(); err != nil {
		return 0, "", err
	}
	return digest(file)
}

// tidy removes what an attempt that was cut off has left, once it is old enough to be nobody's: copies and
// manifests without the other.
func (f Folder) tidy() error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, e := range entries {
		has[e.Name()] = true
	}
	for _, e := range entries {
		name, isData := strings.CutSuffix(e.Name(), dataSuffix)
		left := strings.HasPrefix(e.Name(), "making-") || isData && CheckName(name) == nil && !has[name+manifestSuffix]
		info, err := e.Info()
		if !left || err != nil || time.Since(info.ModTime()) < time.Hour {
			continue
		}
		if err := os.RemoveAll(filepath.Join(f.path, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes a snapshot, its manifest first.
func (f Folder) Remove(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	for _, suffix := range []string{manifestSuffix, dataSuffix} {
		if err := os.Remove(filepath.Join(f.path, name+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed(err)
		}
	}
	return failed(syncFolder(f.path))
}

// Prune removes what need not be kept, and returns the names.
func (f Folder) Prune(now time.Time) ([]string, error) {
	all, _, err := f.List()
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, m := range Spare(all, now) {
		if err := f.Remove(m.Name); err != nil {
			return gone, err
		}
		gone = append(gone, m.Name)
	}
	return gone, nil
}

func syncFolder(path string) error {
	d, err := os.Open(path) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// failed gives an error of the file system its kind.
func failed(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fault.New(fault.Exhausted, "no room for a snapshot of the store").Because(err).Try("free some space on that disk").WithCode("HV-STORE-004")
	}
	return fault.New(fault.Unavailable, "cannot keep a snapshot of the store").Because(err)
}
