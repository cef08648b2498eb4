package machine

import (
	"cmp"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// booting is how the firmware looks for a system: on devices with a boot index alone. Both SeaBIOS and OVMF take the time of the
// menu from what QEMU calls that of a splash screen. Source: docs/system/invocation.rst; OvmfPkg, GetFrontPageTimeoutFromQemu.
func booting(b *vm.Boot) part {
	kv := []string{"strict", "on"}
	if b != nil && b.Menu {
		kv = append(kv, "menu", "on", "splash-time", strconv.Itoa(1000*cmp.Or(b.MenuTimeout, vm.DefaultMenuTimeout)))
	}
	return part{args: []string{"-boot", options("", kv...)}}
}
