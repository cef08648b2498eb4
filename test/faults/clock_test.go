//go:build linux

package faults_test

import (
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Somebody sets the clock of the host while a guest has an hour to power itself off: that hour is an hour, for
// the daemon that asked and for the next.
func TestSettingTheClockNeitherShortensNorProlongsADeadline(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": 24 * time.Hour, "back": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			h := fakehost.New(t)
			h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
			d := h.Start()
			d.Done(d.Create(fakehost.Tiny("web", on)))
			stop := d.Verb("stop", "web", wire.VerbOptions{Timeout: 3600})
			d.State("web", vm.StateStopping)
			for _, fence := range []string{"a", "b"} {
				h.Jump(jump)
				d.Look("web")
				d.Done(d.Create(fakehost.Tiny(fence))) // web's turn was before
				d.Stop()
				d = h.Start() // looks at everything
				d.Done(d.Create(fakehost.Tiny(fence + "-again")))
				if now, err := d.View.Operation(t.Context(), stop.ID); err != nil || now.State.Ended() {
					t.Fatalf("after the clock was set %s the stop is %s: %+v, %v", name, now.State, now.Error, err)
				}
				if s := d.Power("web").State; s != vm.StateStopping {
					t.Errorf("after the clock was set %s the VM is %s", name, s)
				}
			}
			h.Advance(61 * time.Minute)
			d.Look("web")
			if end := d.Ended(stop); end.State != operation.Failed || end.Error.Code != "HV-VM-013" {
				t.Errorf("when its time is over the stop is %s: %+v", end.State, end.Error)
			}
		})
	}
}
