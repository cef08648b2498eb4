package sniff

import (
	"archive/tar"
	"errors"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Bounds of an OVA: a tar with a descriptor, and disks beside it.
const (
	maxMembers = 64
	maxOVF     = 1 << 20
)

// Digest is a checksum: "sha256", and its hex.
type Digest struct{ Hash, Hex string }

// member is a file of an OVA: where its content stands.
type member struct {
	at, size int64
}

// ova looks into a tar for an OVF descriptor and the one disk that it names. Nothing is unpacked: a disk is read where
// it stands.
func (f file) ova() (Found, error) {
	if f.inner {
		return Found{}, refuse("is an archive in an archive", "unpack it first")
	}
	members, descriptor, manifest, err := f.members()
	if err != nil {
		return Found{}, err
	}
	if descriptor == nil {
		return Found{}, refuse("is a tar without an OVF descriptor", "unpack it first")
	}
	o, err := ReadOVF(descriptor)
	if err != nil {
		return Found{}, err
	}
	if len(o.Disks) != 1 {
		return Found{}, refuse("is an OVA that has not one disk", "unpack it (tar xf) and import its disks, each as a volume")
	}
	d := o.Disks[0]
	m, ok := members[d.File]
	if !ok {
		return Found{}, reaches("is an OVA whose disk is not in it")
	}
	found := Found{Kind: OVA, At: m.at, Len: m.size, Machine: o.Machine, Manifest: manifest}
	disk, err := file{io.NewSectionReader(f.r, m.at, m.size), m.size, true}.look()
	switch {
	case err != nil:
		return Found{}, fault.Wrap(err, "of the disk in this OVA")
	case disk.Kind == Gzip:
		found.Packed = true
		return found, nil
	case disk.Kind == ISO || disk.Kind.Packed():
		return Found{}, refuse("is an OVA whose disk is none", "unpack it first")
	}
	found.Disk, found.Size = disk.Kind, disk.Size
	return found, nil
}

var hashed = regexp.MustCompile(`^(SHA256|SHA512)\s*\(([^)]{1,255})\)\s*=\s*([0-9a-fA-F]{64,128})$`)

// members goes through the tar: plain files in its root, each once. A path that leads elsewhere is refused, as is all
// that is not a file.
func (f file) members() (found map[string]member, ovf []byte, manifest map[string]Digest, err error) {
	at := &position{r: io.NewSectionReader(f.r, 0, f.size)}
	t := tar.NewReader(at)
	found, manifest = map[string]member{}, map[string]Digest{}
	for range maxMembers {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return found, ovf, manifest, nil
		case err != nil:
			return nil, nil, nil, refuse("is a tar that is damaged", "fetch it again")
		}
		name := path.Clean(h.Name)
		_, twice := found[name]
		switch {
		case h.Typeflag == tar.TypeDir && name == ".":
			continue
		case name != strings.TrimPrefix(h.Name, "./") || strings.ContainsAny(name, "/\\") || name == ".." || name == ".":
			return nil, nil, nil, reaches("is an OVA with a path that leads out of it")
		case h.Typeflag != tar.TypeReg || h.Size < 0 || twice:
			return nil, nil, nil, reaches("is an OVA with something in it that is no plain file")
		}
		found[name] = member{at.at, h.Size}
		switch strings.ToLower(path.Ext(name)) {
		case ".ovf":
			if ovf != nil || h.Size > maxOVF {
				return nil, nil, nil, refuse("is an OVA with two descriptors, or a huge one", "unpack it first")
			}
			if ovf, err = io.ReadAll(io.LimitReader(t, maxOVF)); err != nil {
				return nil, nil, nil, refuse("is a tar that is damaged", "fetch it again")
			}
		case ".mf":
			text, err := io.ReadAll(io.LimitReader(t, maxOVF))
			if err != nil {
				return nil, nil, nil, refuse("is a tar that is damaged", "fetch it again")
			}
			for line := range strings.Lines(string(text)) {
				if m := hashed.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
					manifest[m[2]] = Digest{strings.ToLower(m[1]), strings.ToLower(m[3])}
				}
			}
		}
	}
	return nil, nil, nil, refuse("is a tar with too many files in it", "unpack it first")
}

// position is a reader that knows where it is.
type position struct {
	r  *io.SectionReader
	at int64
}

func (p *position) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.at += int64(n)
	return n, err
}

// Seek lets archive/tar pass over contents without reading them.
func (p *position) Seek(offset int64, whence int) (int64, error) {
	at, err := p.r.Seek(offset, whence)
	if err == nil {
		p.at = at
	}
	return at, err
}
