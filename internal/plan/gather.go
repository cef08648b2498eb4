package plan

import (
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Gather fills in the volumes and boot files that in.Effective names, as the two look-ups find them.
// What they do not find is left out; the plan says what follows from that.
func (in *VMInput) Gather(volume func(name string) (storage.Volume, bool, error), bootFile func(name string) (storage.BootFile, bool, error)) error {
	in.Volumes, in.BootFiles = map[string]storage.Volume{}, map[string]storage.BootFile{}
	for device, disk := range in.Effective.Disks {
		v, ok, err := volume(disk.Volume)
		if err != nil {
			return err
		}
		if ok && v.Deleted == nil {
			in.Volumes[device] = v
		}
	}
	in.Media = map[string]storage.Volume{}
	for drive, d := range in.Effective.CDROMs {
		if d.Volume == "" {
			continue
		}
		v, ok, err := volume(d.Volume)
		if err != nil {
			return err
		}
		if ok && v.Deleted == nil {
			in.Media[drive] = v
		}
	}
	if in.Effective.Boot == nil {
		return nil
	}
	for _, name := range []string{in.Effective.Boot.Kernel, in.Effective.Boot.Initrd} {
		if name == "" {
			continue
		}
		f, ok, err := bootFile(name)
		if err != nil {
			return err
		}
		if ok {
			in.BootFiles[name] = f
		}
	}
	return nil
}
