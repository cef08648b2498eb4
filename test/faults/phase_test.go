//go:build linux

package faults_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

var (
	rootCall = action.Call{Root: true, Actor: operation.Actor{Name: "root", Via: "socket"}}
	bootCall = action.Call{Root: true, Actor: operation.Actor{Name: "hvd", Via: "boot"}}
	theKey   = recovery.New([recovery.Random]byte{1, 2, 3})
	theHash  = recovery.HashOf(theKey, [recovery.SaltBytes]byte{9})
)

func harden(ctx context.Context, d *fakehost.Daemon) error {
	_, err := d.Actions.Harden(ctx, rootCall, wire.Harden{KeyHash: string(theHash)})
	return err
}

func unlock(ctx context.Context, d *fakehost.Daemon) error {
	_, err := d.Actions.Unlock(ctx, rootCall, wire.Unlock{Key: theKey.Text()})
	return err
}

func relock(ctx context.Context, d *fakehost.Daemon) error {
	_, err := d.Actions.Relock(ctx, rootCall)
	return err
}

func phaseOf(t *testing.T, d *fakehost.Daemon) host.Phase {
	t.Helper()
	p, err := d.Actions.Phase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Each change of the phase is cut off at each of its points. The next daemon finds the old phase or the new one; what
// took effect was recorded before; and the same again comes to its end.
func TestAPhaseThatIsChangedWhileTheDaemonIsCutOffIsTheOldOneOrTheNew(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		before func(*fakehost.Host, *fakehost.Daemon)
		ask    func(context.Context, *fakehost.Daemon) error
		isNew  func(host.Phase) bool
		record audit.Phase
	}{
		"harden": {
			func(*fakehost.Host, *fakehost.Daemon) {}, harden,
			func(p host.Phase) bool { return p.Name == "hardened" && p.KeyID == theHash.ID() }, audit.Intent,
		},
		"unlock": {
			func(_ *fakehost.Host, d *fakehost.Daemon) { must(harden(t.Context(), d)) }, unlock,
			func(p host.Phase) bool { return p.Name == "hardened" && p.Unlock != nil }, audit.Intent,
		},
		"relock": {
			func(_ *fakehost.Host, d *fakehost.Daemon) {
				must(harden(t.Context(), d))
				must(unlock(t.Context(), d))
			}, relock,
			func(p host.Phase) bool { return p.Name == "hardened" && p.Unlock == nil }, audit.Intent,
		},
		"unlock takes effect": {
			func(h *fakehost.Host, d *fakehost.Daemon) {
				must(harden(t.Context(), d))
				must(unlock(t.Context(), d))
				h.Seal.Advance(time.Hour)
			},
			func(ctx context.Context, d *fakehost.Daemon) error { _, err := d.Actions.OpenDue(ctx); return err },
			func(p host.Phase) bool { return p.Name == "setup" && p.Since != nil }, audit.Note,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cuts, became := 0, map[bool]int{}
			for at := 1; ; at++ {
				h := fakehost.New(t)
				first := h.Start()
				c.before(h, first)
				first.Stop()
				before := h.Audit.Size()

				points := &fakehost.Points{At: at}
				d := h.StartWith(points)
				err := c.ask(t.Context(), d)
				d.Stop()
				h.Seal.Restart() // hv-helper, too
				next := h.Start()
				is := c.isNew(phaseOf(t, next))
				became[is]++
				if err == nil && !is {
					t.Errorf("at %s: it was acknowledged, and is not so: %+v", points.Last(), phaseOf(t, next))
				}
				if is && !recorded(t, h, before, c.record) {
					t.Errorf("at %s: it took effect without a record", points.Last())
				}
				if !points.Cut() {
					next.Stop()
					break
				}
				cuts++
				if err := c.ask(t.Context(), next); err != nil {
					t.Errorf("at %s: the same again: %v", points.Last(), err)
				}
				if !c.isNew(phaseOf(t, next)) {
					t.Errorf("at %s: the same again comes to %+v", points.Last(), phaseOf(t, next))
				}
				next.Stop()
				h.OneOutcome()
			}
			if cuts < 4 || became[true] < 2 || became[false] < 2 {
				t.Errorf("cut off at %d points, of which %v", cuts, became)
			}
		})
	}
}

// recorded reports whether the audit log got a record of a change of the phase.
func recorded(t *testing.T, h *fakehost.Host, after int64, phase audit.Phase) bool {
	t.Helper()
	page, err := h.Audit.Read(t.Context(), after, 0, audit.Filter{Phase: phase})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Records {
		if strings.HasPrefix(r.Action, "phase.") {
			return true
		}
	}
	return false
}

func apply(t *testing.T, d *fakehost.Daemon, call action.Call, text string) error {
	t.Helper()
	decl, err := config.ReadString(t.Context(), config.JSON, "hv.json", text)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := decl.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Actions.ApplyConfig(t.Context(), call, encoded)
	return err
}

const (
	yesterdays = `{"hypervisor":{"vms":{"web":{"memory":"16MiB"}}}}`
	todays     = `{"hypervisor":{"vms":{"web":{"memory":"32MiB"},"fresh":{"memory":"16MiB"}}}}`
)

// hardened is a host with a store of yesterday's, hardened with what was declared today. A VM was deleted in between,
// another one was made.
func hardened(t *testing.T, h *fakehost.Host) (yesterday string) {
	t.Helper()
	d := h.Start()
	defer d.Stop()
	if err := apply(t, d, rootCall, yesterdays); err != nil {
		t.Fatal(err)
	}
	d.Done(d.Create(fakehost.Tiny("gone")))
	yesterday = h.Snapshot()
	d.Done(d.Delete("gone"))
	if err := apply(t, d, rootCall, todays); err != nil {
		t.Fatal(err)
	}
	d.Until("everything to have ended", func() bool { return harden(t.Context(), d) == nil })
	return yesterday
}

// A store from before comes back under a hardened host: nothing of it undoes the phase, what was sealed is made to stand
// by the start itself and is recorded, a VM that it knew not is the one that was there, and one that was deleted before is
// not launched.
func TestAStoreFromBeforeIsLedBackToWhatWasSealed(t *testing.T) {
	h := fakehost.New(t)
	yesterday := hardened(t, h)
	d := h.Start()
	d.Done(d.Verb("start", "fresh"))
	d.State("fresh", vm.StateRunning)
	was := d.VM("fresh").Spec.UUID
	d.Stop()

	h.Restore(yesterday)
	before := h.Audit.Size()
	d = h.Start()
	standsAsSealed(t, d)
	if !appliedAtBoot(t, h, before) {
		t.Error("no record tells that the sealed declaration was put back")
	}
	d.Until("web to be as it was sealed", func() bool { return d.VM("web").Spec.Memory == 32<<20 })
	d.Until("fresh to be there", func() bool { _, err := d.View.VM(t.Context(), fakehost.Ref("fresh")); return err == nil })
	d.State("fresh", vm.StateRunning) // it ran on, and is not ended by a store that knew it not
	if now := d.VM("fresh").Spec.UUID; now != was {
		t.Errorf("fresh is %s now, and was %s", now, was)
	}
	d.Done(d.Verb("kill", "fresh"))
	d.Done(d.Verb("start", "fresh")) // hv-helper knows it
	if _, err := d.Actions.CreateVM(t.Context(), fakehost.Member, "default", fakehost.Tiny("new")); fault.CodeOf(err) != "HV-PHASE-001" {
		t.Errorf("a VM is made: %v", err)
	}
	if end := d.Ended(d.Verb("start", "gone")); end.State != operation.Failed || !strings.Contains(end.Error.What, "was not there when the host was hardened") {
		t.Errorf("a VM that was deleted before starts: %s %+v", end.State, end.Error)
	}
	if err := apply(t, d, bootCall, yesterdays); fault.CodeOf(err) != "HV-PHASE-003" {
		t.Errorf("what was not sealed is applied at boot: %v", err)
	}
	if err := apply(t, d, bootCall, todays); err != nil {
		t.Errorf("what was sealed is not applied at boot: %v", err)
	}
	d.Stop()

	before = h.Audit.Size()
	d = h.Start()
	standsAsSealed(t, d)
	if appliedAtBoot(t, h, before) {
		t.Error("what stands is applied again")
	}
}

func standsAsSealed(t *testing.T, d *fakehost.Daemon) {
	t.Helper()
	p, err := d.View.HostPhase(t.Context())
	if err != nil || p.Name != "hardened" || len(p.Findings) != 0 || p.Digest != p.Sealed.Digest {
		t.Errorf("%+v %v", p, err)
	}
}

func appliedAtBoot(t *testing.T, h *fakehost.Host, after int64) bool {
	t.Helper()
	page, err := h.Audit.Read(t.Context(), after, 0, audit.Filter{Phase: audit.Intent})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Records {
		if r.Action == "config.apply" && r.Actor.User == "hvd" && r.Actor.Via == "boot" {
			return true
		}
	}
	return false
}

// Without the copy a generation that is kept will do; a copy that was edited is not believed; and where what was sealed is
// nowhere it is told, and everything else goes on.
func TestWhatWasSealedIsLookedForWhereItCanBe(t *testing.T) {
	for name, c := range map[string]struct {
		copy func(string) error
		back bool
	}{
		"gone":   {os.Remove, false},
		"broken": {func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) }, false},
		"another declaration": {func(path string) error {
			data, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, bytes.ReplaceAll(data, []byte(`"fresh"`), []byte(`"other"`)), 0o600))
		}, false},
		"as it was": {func(string) error { return nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := fakehost.New(t)
			yesterday := hardened(t, h)
			if err := c.copy(h.SealedCopy()); err != nil {
				t.Fatal(err)
			}
			h.Restore(yesterday)
			d := h.StartWith(&fakehost.Points{At: 1 << 20}) // it warns, on purpose
			_, err := d.Actions.PutBackSealed(t.Context(), bootCall)
			if c.back {
				if err != nil {
					t.Error(err)
				}
				standsAsSealed(t, d)
				return
			}
			if fault.CodeOf(err) != "HV-PHASE-016" || !strings.Contains(fault.HintOf(err), "phase unlock") || !strings.Contains(err.Error(), "there is no copy of it") {
				t.Errorf("%v, try %q", err, fault.HintOf(err))
			}
			p, err := d.View.HostPhase(t.Context())
			if err != nil || p.Name != "hardened" || len(p.Findings) != 1 || p.Findings[0].Code != "HV-PHASE-004" || p.Generation != 1 {
				t.Errorf("%+v %v", p, err)
			}
			d.Done(d.Verb("start", "web")) // it was there, and is as it was
		})
	}
}

// The start that puts it back is cut off at each of its points. The next one finishes it.
func TestAStartThatIsCutOffWhileWhatWasSealedIsPutBackIsFinishedByTheNext(t *testing.T) {
	cuts := 0
	for at := 1; ; at++ {
		h := fakehost.New(t)
		yesterday := hardened(t, h)
		h.Restore(yesterday)
		points := &fakehost.Points{At: at}
		if d, err := h.Boot(points, &fakehost.Points{}); err == nil {
			d.Stop()
			break // it has served: what was to be put back was
		}
		cuts++
		d := h.Start()
		if err := d.Actions.Resume(t.Context(), bootCall); err != nil {
			t.Errorf("at %s: %v", points.Last(), err)
		}
		standsAsSealed(t, d)
		d.Until("all of it to be wished for", func() bool { return d.VM("web").Spec.Memory == 32<<20 })
		d.Done(d.Verb("start", "fresh"))
		d.Stop()
	}
	if cuts < 6 {
		t.Errorf("cut off at %d points alone", cuts)
	}
}
