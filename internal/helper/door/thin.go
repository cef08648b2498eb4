package door

import (
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

type (
	thinPool   privilege.ThinPool
	thinChange privilege.ThinChange
	thinOpen   privilege.ThinOpen
)

func (w *wrong) thinPlace(p privilege.ThinPlace) {
	w.unless(privilege.IsLVMName(p.Group), "group: %.80q is no name of LVM's", p.Group)
	w.unless(privilege.IsLVMName(p.Pool), "pool: %.80q is no name of LVM's", p.Pool)
}

func (w *wrong) thinName(field, name string) {
	w.unless(privilege.IsThinName(name), "%s: %.80q is no volume of ours", field, name)
}

func (p *thinPool) check(w *wrong, files int) {
	w.noFiles(files)
	w.thinPlace(p.ThinPlace)
	w.unless(p.After == "" || p.Only == "", "after and only are not for one call")
	for field, name := range map[string]string{"after": p.After, "only": p.Only} {
		if name != "" {
			w.thinName(field, name)
		}
	}
}

func (c *thinChange) check(w *wrong, files int) {
	w.noFiles(files)
	w.thinPlace(c.ThinPlace)
	w.thinName("name", c.Name)
	sized, from, state := false, false, false
	switch c.Do {
	case privilege.ThinMake, privilege.ThinGrow:
		sized = true
	case privilege.ThinClone:
		from = true
	case privilege.ThinSet:
		state = c.State != ""
	case privilege.ThinRemove:
	default:
		w.say("do: %.20q is nothing that is done", c.Do)
	}
	w.unless(sized == (c.Bytes != 0) && c.Bytes >= 0 && c.Bytes <= privilege.MaxThinBytes, "bytes: %d", c.Bytes)
	w.unless(state == (c.State != "") && (!state || c.State == privilege.ThinMaking || c.State == privilege.ThinArriving), "state: %.20q", c.State)
	if from {
		w.thinName("from", c.From)
		return
	}
	w.unless(c.From == "", "from: %.80q is for %s alone", c.From, privilege.ThinClone)
}

func (o *thinOpen) check(w *wrong, files int) {
	w.noFiles(files)
	w.thinPlace(o.ThinPlace)
	w.thinName("name", o.Name)
}

// isVolume reports whether a block device is a volume of ours, by what the kernel's device mapper calls it: LVM writes
// the names of the group and of the volume with each dash doubled, and one between them.
func isVolume(devices fs.FS, device uint64) bool {
	at := fmt.Sprintf("%d:%d/dm/", unix.Major(device), unix.Minor(device))
	id, err := fs.ReadFile(devices, at+"uuid")
	if err != nil || !strings.HasPrefix(string(id), "LVM-") {
		return false
	}
	text, err := fs.ReadFile(devices, at+"name")
	name := strings.TrimSpace(string(text))
	i := strings.LastIndex(name, "hv--") // no volume of ours has it anywhere else; its group may
	if err != nil || i < 0 {
		return false
	}
	group, volume := name[:i], name[i+len("hv--"):]
	dashes := len(group) - len(strings.TrimRight(group, "-")) // an even number of them is of one name
	return dashes%2 == 1 && privilege.IsThinName(strings.ReplaceAll(volume, "--", "-")) && volume != privilege.ThinNotes
}
