package qemu

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// oneReset is how long after a reset others belong to it: SeaBIOS resets a machine that was reset once or twice
// more before it begins, within 50 ms where nothing else runs (QEMU 7.2), so that it finds it as after power-on.
// A guest that resets itself without end is so counted, and told of, at most every two seconds.
const oneReset = 2 * time.Second

// wasReset counts a reset, or a watchdog that expired. QEMU tells of them once, and has no question to which they
// are the answer. Those that loading a state makes are none.
func (h *Host) wasReset(uuid string, ev qmp.Event) {
	at := ev.Time.UTC()
	if ev.Time.IsZero() {
		at = time.Now().UTC()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.heard[uuid]
	if ev.Name == qmp.EventWatchdog {
		expired, _ := qmp.Data[qmp.WatchdogEvent](ev) // one that cannot be read is an expiry all the same
		h.Log.Warn("a guest did not pet its watchdog in time", "vm", uuid, "action", expired.Action)
		n.Watchdog++
		n.Reason = "watchdog"
	} else {
		reset, err := qmp.Data[qmp.ShutdownEvent](ev)
		switch {
		case err == nil && reset.Guest && at.Sub(n.Last).Abs() < oneReset:
			return
		case err == nil && reset.Guest:
			n.Guest++
		case err == nil && reset.Reason == qmp.CauseHostReset:
			n.Host++
		default:
			return
		}
		n.Reason = reset.Reason
	}
	n.Last = at
	h.heard[uuid] = n
}

// resets are what was counted of one VM.
func (h *Host) resets(uuid string) *vm.Resets {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, ok := h.heard[uuid]
	if !ok {
		return nil
	}
	return &n
}
