package machine

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The names under which slots are pinned.
const rngSlot = "rng"

func diskSlot(name string) string { return "disk/" + name }
func nicSlot(name string) string  { return "nic/" + name }

// assignSlots gives every device of s a number from 1. One that is pinned keeps its number; a new one takes the
// lowest that is free, so that no other ever moves. A number that is pinned twice, or none, counts as not pinned.
func assignSlots(s vm.Spec, pinned map[string]int, kept ...string) map[string]int {
	wanted := slotted(s)
	for _, device := range kept {
		if !slices.Contains(wanted, device) {
			wanted = append(wanted, device)
		}
	}
	return assign(wanted, pinned, func(n int) bool { return n > 0 && n < scsiUnits })
}

// assign numbers what is wanted, from the lowest number that may be given.
func assign(wanted []string, pinned map[string]int, may func(int) bool) map[string]int {
	slots, taken := map[string]int{}, map[int]bool{}
	for _, device := range wanted {
		if n := pinned[device]; may(n) && !taken[n] {
			slots[device], taken[n] = n, true
		}
	}
	next := 1
	for _, device := range wanted {
		if slots[device] != 0 {
			continue
		}
		for taken[next] || !may(next) {
			next++
		}
		slots[device], taken[next] = next, true
	}
	return slots
}

// slotted lists the devices that need a slot. Disks come first and in boot order, so that the first one is
// a Linux guest's vda.
func slotted(s vm.Spec) []string {
	var out []string
	for _, name := range disksInOrder(s.Disks) {
		if unitsOf(s.Disks[name].Bus) == 0 {
			out = append(out, diskSlot(name))
		}
	}
	for _, name := range sortedKeys(s.NICs) {
		out = append(out, nicSlot(name))
	}
	if on(s.RNG) {
		out = append(out, rngSlot)
	}
	if s.OnSCSI() {
		out = append(out, scsiSlot)
	}
	if s.Screen() {
		out = append(out, usbSlot)
	}
	if s.OnUSB() {
		out = append(out, sticksSlot)
	}
	if s.Sounds() && s.Machine == familyPC {
		out = append(out, soundSlot)
	}
	if s.MemoryMax > 0 {
		out = append(out, memorySlot)
	}
	if on(s.Balloon) {
		out = append(out, balloonSlot)
	}
	if s.Watchdog != nil && s.Machine == familyPC {
		out = append(out, watchdogSlot)
	}
	if on(s.Agent) {
		out = append(out, agentSlot)
	}
	for _, tag := range sortedKeys(s.Shares) {
		out = append(out, shareSlot(tag))
	}
	if s.Vsock != nil {
		out = append(out, vsockSlot)
	}
	if s.CloudInit != nil {
		out = append(out, seedSlot)
	}
	return out
}

// disksInOrder lists the disks as they boot, then the others by name.
func disksInOrder(disks map[string]vm.Disk) []string {
	return slices.SortedFunc(maps.Keys(disks), func(a, b string) int {
		return cmp.Or(cmp.Compare(bootRank(disks[a]), bootRank(disks[b])), cmp.Compare(a, b))
	})
}

func bootRank(d vm.Disk) int {
	if d.BootIndex == 0 {
		return vm.MaxDisks + 1
	}
	return d.BootIndex
}
