package machine

import "github.com/hyper-nixos/hyper-nixos/model/vm"

const (
	soundSlot = "sound"
	audioID   = "audio"
)

// soundAt is where the sound card sits: on the root bus, for it is no PCI Express device; a PCI board gives it a slot.
func (b board) soundAt(slots map[string]int) place {
	switch b.family {
	case familyPC:
		return b.place(slots[soundSlot])
	case familyVirt:
		return place{Bus: "pcie.0", Addr: "1f"} // 1e is the panic notifier's
	}
	return place{Bus: "pcie.0", Addr: "1e"}
}

type audiodev struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
}

type codec struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	Bus    string `json:"bus"`
	Audio  string `json:"audiodev"`
}

type ac97 struct {
	plugged
	Audio string `json:"audiodev"`
}

// sound is a sound card that plays to nobody of the host's: QEMU's back end "none", of which VNC's viewers take what is played.
func sound(s vm.Sound, at place) part {
	args := []string{"-audiodev", object(audiodev{"none", audioID})}
	if s == vm.SoundAC97 {
		return part{args: append(args, "-device", object(ac97{plugged{Driver: "AC97", ID: "sound", place: at}, audioID}))}
	}
	return part{args: append(args,
		"-device", object(plugged{Driver: "ich9-intel-hda", ID: "sound", place: at}),
		"-device", object(codec{"hda-duplex", "codec", "sound.0", audioID}))}
}
