package qemu

import (
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestWhatTheFirmwareAddsToAResetIsNoneOfItsOwn(t *testing.T) {
	const guest, host = `{"guest":true,"reason":"guest-reset"}`, `{"guest":false,"reason":"host-qmp-system-reset"}`
	type told struct {
		after time.Duration
		data  string
	}
	for name, c := range map[string]struct {
		told []told
		want vm.Resets
	}{
		"a reboot under SeaBIOS":  {[]told{{0, guest}, {40 * time.Millisecond, guest}, {41 * time.Millisecond, guest}}, vm.Resets{Guest: 1}},
		"ours":                    {[]told{{0, host}, {40 * time.Millisecond, guest}}, vm.Resets{Host: 1}},
		"one after the other":     {[]told{{0, guest}, {3 * time.Second, guest}, {6 * time.Second, host}}, vm.Resets{Guest: 2, Host: 1}},
		"ours counts in any case": {[]told{{0, guest}, {time.Second, host}}, vm.Resets{Guest: 1, Host: 1}},
		"a guest that never ends resetting itself": {
			[]told{{0, guest}, {time.Second, guest}, {2 * time.Second, guest}, {3 * time.Second, guest}, {4 * time.Second, guest}}, vm.Resets{Guest: 3},
		},
		"those of loading a state": {[]told{{0, `{"guest":false,"reason":"snapshot-load"}`}}, vm.Resets{}},
	} {
		h := New(Config{})
		begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for _, r := range c.told {
			h.wasReset("a", qmp.Event{Name: qmp.EventReset, Time: begin.Add(r.after), Data: []byte(r.data)})
		}
		got := vm.Resets{}
		if n := h.resets("a"); n != nil {
			got = vm.Resets{Guest: n.Guest, Host: n.Host, Watchdog: n.Watchdog}
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
