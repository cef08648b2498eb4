package machine

import "github.com/hyper-nixos/hyper-nixos/model/vm"

const watchdogSlot = "watchdog"

type i6300esb struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
}

// watchdogAt is where the watchdog sits: on the root bus, because Linux' i6300esb driver does not probe behind a
// bridge. On PCI Express that is a slot behind the last root port; a PCI board gives it one of its own.
func (b board) watchdogAt(slots map[string]int) place {
	if b.family == familyPC {
		return b.place(slots[watchdogSlot])
	}
	return place{Bus: "pcie.0", Addr: "1d"}
}

// watchdog is an i6300esb, for which guests have had drivers for twenty years. It does nothing until the guest arms
// it. What then follows is set for the machine as a whole.
func watchdog(w vm.Watchdog, at place) part {
	return part{args: []string{
		"-device", object(i6300esb{Driver: "i6300esb", ID: "watchdog", place: at}),
		"-action", options("", "watchdog", string(w.OnExpiry)),
	}}
}
