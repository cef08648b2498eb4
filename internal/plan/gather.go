package plan

import (
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Gather fills in what is to be looked up: the power that is wished, and the volumes and boot files that in.Effective
// names, as the two look-ups find them, also for what is saved of the VM. What they do not find is left out; the plan says
// what follows from that.
func (in *VMInput) Gather(volume func(name string) (storage.Volume, bool, error), bootFile func(name string) (storage.BootFile, bool, error), share func(name string) (storage.Share, bool, error)) error {
	in.Effective.Power = Wished(in.Effective.Power, in.Wish, in.Last)
	if err := in.gather(volume, bootFile, share); err != nil {
		return err
	}
	s := in.saved()
	if !s.Whole() || s.Process.Started == nil {
		return nil
	}
	kept := *in
	kept.Effective = goesOnWith(*s.Process.Started)
	kept.Effective.Power = in.Effective.Power
	in.Kept = &kept
	return kept.gather(volume, bootFile, share)
}

// goesOnWith is what a process with this spec goes on with from what was saved: the devices that it had, and none that an earlier build did
// not give its guest's system yet.
func goesOnWith(started vm.Spec) vm.Spec {
	s, _ := vm.Effective(started.InTurn(), started.Arch)
	if started.Agent == nil { // its board has no port for an agent
		s.Agent = new(bool)
	}
	if started.Sound == "" && s.Sound != "" {
		s.Sound = vm.SoundNone
	}
	if started.USBController == nil && s.USBController != nil {
		s.USBController = new(bool)
	}
	return s
}

func (in *VMInput) gather(volume func(name string) (storage.Volume, bool, error), bootFile func(name string) (storage.BootFile, bool, error), share func(name string) (storage.Share, bool, error)) error {
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
	in.Shares = map[string]storage.ShareSpec{}
	for tag, s := range in.Effective.Shares {
		found, ok, err := share(s.Share)
		if err != nil {
			return err
		}
		if ok {
			in.Shares[tag] = found.Spec
		}
	}
	if !in.Effective.BootsKernel() {
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
