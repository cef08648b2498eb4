package config

import (
	"maps"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Shown returns d with the secrets of its VMs hidden, and whether it has any. d itself is not changed.
func (d Declaration) Shown() (shown Declaration, hid bool) {
	return d.secrets(func(secret string) string {
		if secret == "" {
			return ""
		}
		return vm.Hidden
	})
}

// Unseen returns a declaration that was shown without what stands for its secrets: what is checked of it is then what can be
// seen. d itself is not changed.
func (d Declaration) Unseen() Declaration {
	d, _ = d.secrets(func(secret string) string {
		if secret == vm.Hidden {
			return ""
		}
		return secret
	})
	return d
}

func (d Declaration) secrets(becomes func(string) string) (_ Declaration, changed bool) {
	vms := maps.Clone(d.VMs)
	for name, def := range d.VMs {
		if def.CloudInit == nil {
			continue
		}
		c := *def.CloudInit
		hid := false
		for _, secret := range []*string{&c.PasswordHash, &c.UserData, &c.VendorData, &c.NetworkConfig} {
			was := *secret
			*secret = becomes(was)
			hid = hid || *secret != was
		}
		if hid {
			def.CloudInit, changed = &c, true
			vms[name] = def
		}
	}
	if changed {
		d.VMs = vms
	}
	return d, changed
}
