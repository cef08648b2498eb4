// Package appliances holds `hv vm export` and `hv vm import`: VMs of ours as OVF appliances, and appliances of others as VMs.
//
// What lives here: the archive as a file here, which is read and written with the caller's rights, and the order of what the daemon
// is asked for. What does not: what a descriptor says (model/ovf), and what disks hold, which the daemon looks at itself.
package appliances

import (
	"archive/tar"
	"crypto/sha1" //nolint:gosec // the manifests of older appliances have no other; it guards against damage, not against people
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/ovf"
)

// archive is an appliance as it lies here: the files of an OVA, or those beside an .ovf.
type archive struct {
	descriptor string // the name of its descriptor
	text       []byte
	manifest   map[string]ovf.Sum
	files      map[string]*io.SectionReader
	close      func() error
}

func bad(format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...).WithCode(ovf.CodeArchive)
}

// maxMembers is how many files an OVA has at most: those of its descriptor, it, its manifest and its certificate.
const maxMembers = ovf.MaxFiles + 3

func open(path string) (*archive, error) {
	f, err := openRegular(os.OpenFile(path, os.O_RDONLY|nonblock, 0))
	if err != nil {
		return nil, fault.New(fault.Unreadable, "cannot read %s", path).Because(err)
	}
	a := &archive{files: map[string]*io.SectionReader{}, close: f.Close}
	if strings.EqualFold(filepath.Ext(path), ".ovf") {
		err = a.folder(f, path)
	} else {
		err = a.tar(f)
	}
	if err == nil && a.text == nil {
		err = bad("there is no OVF descriptor in it")
	}
	if err != nil {
		return nil, errors.Join(fault.Wrap(err, "cannot read %s", path), a.close())
	}
	return a, nil
}

func openRegular(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fault.New(fault.Unreadable, "it is no regular file")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tar finds where in the archive each file stands. Plain files in its root alone, each once: nothing is unpacked.
func (a *archive) tar(f *os.File) error {
	t := tar.NewReader(f)
	for range maxMembers {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bad("it is no tar that can be read: an OVA is one")
		}
		name := strings.TrimPrefix(h.Name, "./")
		if h.Typeflag == tar.TypeDir && (name == "" || name == ".") {
			continue
		}
		sparse := false
		for key := range h.PAXRecords {
			sparse = sparse || strings.HasPrefix(key, "GNU.sparse")
		}
		if _, twice := a.files[name]; h.Typeflag != tar.TypeReg || sparse || twice || !ovf.PlainName(name) {
			return bad("%.80q in it is no plain file in its root, or there twice", h.Name)
		}
		at, err := f.Seek(0, io.SeekCurrent) // archive/tar reads headers and no more
		if err != nil {
			return err
		}
		if err := a.add(name, io.NewSectionReader(f, at, h.Size)); err != nil {
			return err
		}
	}
	return bad("there are more than %d files in it", maxMembers)
}

// folder takes the descriptor, and what stands beside it that it refers to.
func (a *archive) folder(f *os.File, path string) (err error) {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := a.add(filepath.Base(path), io.NewSectionReader(f, 0, info.Size())); err != nil {
		return err
	}
	app, err := ovf.Read(a.text)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	before := a.close
	all := []*os.File{}
	a.close = func() error {
		err := before()
		for _, f := range all {
			err = errors.Join(err, f.Close())
		}
		return err
	}
	manifest := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) + ".mf"
	for _, name := range append(slices.Clone(app.Files), manifest) {
		one, err := openRegular(root.OpenFile(name, os.O_RDONLY|nonblock, 0))
		if errors.Is(err, os.ErrNotExist) {
			continue // told, where it is needed
		}
		if err != nil {
			return fault.Wrap(err, "cannot read %s beside it", name)
		}
		all = append(all, one)
		size, err := one.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if err := a.add(name, io.NewSectionReader(one, 0, size)); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) add(name string, r *io.SectionReader) (err error) {
	a.files[name] = r
	switch strings.ToLower(filepath.Ext(name)) {
	case ".ovf":
		if a.text != nil || r.Size() > ovf.MaxDescriptor {
			return bad("it has two descriptors, or a huge one")
		}
		a.descriptor = name
		a.text, err = io.ReadAll(r)
	case ".mf":
		if a.manifest != nil || r.Size() > ovf.MaxManifest {
			return bad("it has two manifests, or a huge one")
		}
		var text []byte
		if text, err = io.ReadAll(r); err == nil {
			a.manifest, err = ovf.ReadManifest(text)
		}
	}
	return err
}

// verify holds a file against the manifest. One that the manifest does not have is no file of this appliance's.
func (a *archive) verify(name string, tell func(done, total int64)) error {
	if a.manifest == nil {
		return nil
	}
	want, ok := a.manifest[name]
	if !ok {
		return fault.New(fault.Denied, "the manifest has no sum of %s", name).Try("--no-verify takes it as it is").WithCode(ovf.CodeSum)
	}
	sum := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}[want.Hash]()
	r := a.files[name]
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(sum, &counting{r, func(n int64) { tell(n, r.Size()) }, 0}); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.Hex {
		return fault.New(fault.Denied, "%s is not what the manifest says: its %s is %s, and not %s", name, strings.ToUpper(want.Hash), got, want.Hex).
			Try("fetch the appliance again: it was changed or damaged").WithCode(ovf.CodeSum)
	}
	_, err := r.Seek(0, io.SeekStart)
	return err
}

// counting tells how much was read.
type counting struct {
	io.Reader
	tell func(int64)
	n    int64
}

func (r *counting) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	r.tell(r.n)
	return n, err
}
