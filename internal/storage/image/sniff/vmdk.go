package sniff

import (
	"encoding/binary"
	"regexp"
	"strings"
)

// A VMDK image is either one file that begins with a sparse header and has its descriptor in it, or a descriptor as
// text whose extents are other files. Source: VMware Virtual Disk Format 1.1, block/vmdk.c of QEMU.

// maxDescriptor is how much of a descriptor is read: QEMU reads no more of one either.
const maxDescriptor = 20 << 10

func (f file) vmdk(head []byte) (Found, error) {
	if !starts(head, "KDMV") {
		return Found{}, reaches("is a VMDK whose content is in other files")
	}
	le := binary.LittleEndian
	version, capacity := le.Uint32(head[4:]), le.Uint64(head[12:])
	at, sectors := le.Uint64(head[28:]), le.Uint64(head[36:])
	switch {
	case version < 1 || version > 3:
		return Found{}, refuse("is a VMDK of a version that is not known", "qemu-img convert -O qcow2 OLD NEW")
	case capacity == 0: // QEMU opens the extents of its descriptor then, by their names
		return Found{}, reaches("is a VMDK whose content is in other files")
	case at == 0 || at > uint64(f.size)/512 || sectors > maxDescriptor/512*4 || capacity > 1<<40:
		return Found{}, refuse("is a VMDK without a descriptor in it", "qemu-img convert -O qcow2 OLD NEW")
	}
	text, err := f.read(int64(at)*512, min(int(sectors)*512, maxDescriptor))
	if err != nil {
		return Found{}, err
	}
	d := descriptor(string(text))
	switch {
	case d.parent != "" && d.parent != "ffffffff":
		return Found{}, reaches("is a VMDK of differences to another one")
	case d.extents != 1 || d.kind != "monolithicSparse" && d.kind != "streamOptimized":
		return Found{}, reaches("is a VMDK whose content is in other files")
	}
	return virtual(Found{Kind: VMDK}, capacity*512)
}

// described is what a VMDK descriptor says.
type described struct {
	kind    string // createType
	parent  string // parentCID
	extents int
}

var extent = regexp.MustCompile(`^(RW|RDONLY|NOACCESS)\s+\d+\s+[A-Z]+`)

func descriptor(text string) described {
	text, _, _ = strings.Cut(text, "\x00")
	var d described
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if extent.MatchString(line) {
			d.extents++
		}
		key, value, _ := strings.Cut(line, "=")
		value = strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "createtype":
			d.kind = map[string]string{"monolithicsparse": "monolithicSparse", "streamoptimized": "streamOptimized"}[value]
		case "parentcid":
			d.parent = value
		case "parentfilenamehint":
			d.parent = "named"
		}
	}
	return d
}
