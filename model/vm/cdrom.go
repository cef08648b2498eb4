package vm

import "github.com/hyper-nixos/hyper-nixos/model"

// CDROM is one drive. Its medium is a volume that the guest only reads, and that other VMs may read too.
type CDROM struct {
	Volume    string `json:"volume,omitempty"`    // empty: there is no medium in it
	Bus       string `json:"bus,omitempty"`       // scsi | sata | usb; scsi when absent
	BootIndex int    `json:"bootIndex,omitempty"` // as that of a disk, in one order with them
	Image     string `json:"image,omitempty"`     // in a definition: an ISO of the library, whose volume is made where there is none
}

// MaxCDROMs is how many drives a VM may have.
const MaxCDROMs = 8

// Volumes returns every volume that the spec uses, by the path of its device ("disks.root"), as the disk that it is
// or, in a drive, as one that is only read.
func (s Spec) Volumes() map[string]Disk {
	all := map[string]Disk{}
	for name, d := range s.Disks {
		all["disks."+name] = d
	}
	for name, d := range s.CDROMs {
		if d.Volume != "" {
			all["cdroms."+name] = Disk{Volume: d.Volume, ReadOnly: true, BootIndex: d.BootIndex}
		}
	}
	return all
}

func (c *check) cdroms(s Spec) {
	if len(s.CDROMs) > MaxCDROMs {
		c.say("cdroms", "", "%d drives are more than %d", len(s.CDROMs), MaxCDROMs)
	}
	at := map[string]string{}
	for name, d := range s.Disks {
		at[d.Volume] = "disk " + name
	}
	for _, name := range sortedKeys(s.CDROMs) {
		d, path := s.CDROMs[name], "cdroms."+name
		c.err(path, model.CheckName("drive name", name))
		if d.Volume == "" {
			continue
		}
		c.err(path+".volume", model.CheckName("volume name", d.Volume))
		if other, twice := at[d.Volume]; twice {
			c.say(path+".volume", "leave volume out and the drive is empty", "volume %q is already %s", d.Volume, other)
		}
		at[d.Volume] = "drive " + name
	}
}
