package action

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// copyOf is a copy of what was sealed, or the reason why none can be written.
type copyOf struct {
	data []byte
	full error
}

func (c *copyOf) Keep(data []byte) error {
	if c.full == nil {
		c.data = data
	}
	return c.full
}

func (c *copyOf) Kept() ([]byte, error) {
	if c.data == nil {
		return nil, fault.New(fault.NotFound, "there is none")
	}
	return c.data, nil
}

const (
	before = `{"hypervisor":{"vms":{"web":{"memory":"256MiB"}}}}`
	after  = `{"hypervisor":{"vms":{"web":{"memory":"512MiB"}}}}`
)

// putBack is a store in which a declaration stands that was not sealed, and which knows no web.
func (d *desk) putBack(text string) {
	d.t.Helper()
	stands := d.stands()
	stands.Declaration, stands.Digest = d.declare(text), ""
	put, err := store.PutJSON(configKey(), stands, 0)
	d.must(err)
	_, err = d.Store.Commit(d.t.Context(), store.Txn{Then: []store.Op{put, store.DeleteOp(store.SpecKey(vmRef(ref("web"))))}})
	d.must(err)
}

func (d *desk) standsAsSealed() {
	d.t.Helper()
	p, err := d.Phase(d.t.Context())
	d.must(err)
	have, err := d.stands().Sum()
	d.must(err)
	if have != p.Sealed.Digest || d.phase() != phase.Hardened {
		d.t.Errorf("%s stands, sealed was %s", have, p.Sealed.Digest)
	}
}

// The copy that was made when the host was hardened leads back; a VM that is made anew has the UUID that it had.
func TestWhatWasSealedIsPutBackFromItsCopy(t *testing.T) {
	d := newDesk(t)
	d.SealedCopy = &copyOf{}
	_, err := d.ApplyConfig(t.Context(), root, d.declare(after))
	d.must(err)
	d.harden()
	uuid := d.object("web").Spec.UUID
	if back, err := d.PutBackSealed(t.Context(), atBoot); back || err != nil {
		t.Errorf("what stands is put back: %v %v", back, err)
	}
	d.putBack(before)
	back, err := d.PutBackSealed(t.Context(), atBoot)
	if !back || err != nil {
		t.Fatalf("%v %v", back, err)
	}
	d.standsAsSealed()
	if o := d.object("web"); o.Spec.UUID != uuid || o.Spec.Memory != 512<<20 {
		t.Errorf("%+v, and its UUID was %s", o.Spec, uuid)
	}
	last := d.stands()
	if last.By.Via != "boot" || last.Source != "sealed" || last.Message == "" {
		t.Errorf("%+v", last)
	}
	recorded := false
	for _, r := range d.records(0) {
		recorded = recorded || r.Action == "config.apply" && r.Phase == audit.Intent && r.Actor.Via == "boot"
	}
	if !recorded {
		t.Error("it is not recorded")
	}
	if back, err := d.PutBackSealed(t.Context(), atBoot); back || err != nil {
		t.Errorf("and again: %v %v", back, err)
	}
}

func TestWhatWasSealedIsFoundAmongTheGenerationsAndInTheHostsOwnFile(t *testing.T) {
	for name, c := range map[string]struct {
		declared string
		restores int64
	}{
		"generation": {"", 1},
		"file":       {before, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			for _, text := range []string{before, after} {
				_, err := d.ApplyConfig(t.Context(), root, d.declare(text))
				d.must(err)
			}
			_, err := d.RollBackConfig(t.Context(), root, 1)
			d.must(err)
			d.harden()
			d.putBack(after)
			if c.declared != "" {
				d.DeclaredBy = "/etc/hyper-nixos/declaration.json"
				d.Declared = func(ctx context.Context) (config.Declaration, error) {
					return config.ReadString(ctx, config.JSON, "declaration.json", c.declared)
				}
			}
			back, err := d.PutBackSealed(t.Context(), atBoot)
			if !back || err != nil {
				t.Fatalf("%v %v", back, err)
			}
			d.standsAsSealed()
			if got := d.stands().Restores; got != c.restores {
				t.Errorf("it restores %d", got)
			}
		})
	}
}

// Nothing that was spoilt is believed, and where what was sealed is nowhere that is told, with the way out.
func TestWhatWasSealedAndIsNowhereIsTold(t *testing.T) {
	for name, spoil := range map[string]func(*desk, *copyOf){
		"no copy":     func(_ *desk, c *copyOf) { c.data = nil },
		"a torn copy": func(_ *desk, c *copyOf) { c.data = c.data[:20] },
		"another": func(d *desk, c *copyOf) {
			c.data = []byte(`{"declaration":` + string(d.declare(before)) + `,"uuids":{"web":"0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001"}}`)
		},
		"a file that cannot be read": func(d *desk, c *copyOf) {
			c.data, d.DeclaredBy = nil, "/etc/x.json"
			d.Declared = func(context.Context) (config.Declaration, error) { return config.Declaration{}, errors.New("gone") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, c := newDesk(t), &copyOf{}
			d.SealedCopy = c
			_, err := d.ApplyConfig(t.Context(), root, d.declare(after))
			d.must(err)
			d.harden()
			d.putBack(before)
			spoil(d, c)
			back, err := d.PutBackSealed(t.Context(), atBoot)
			told(t, err, fault.NotFound, "HV-PHASE-016", "is not put back", "there is no copy of it", "phase unlock")
			if back || d.phase() != phase.Hardened || string(d.stands().Declaration) != string(d.declare(before)) {
				t.Errorf("%v %+v", back, d.stands())
			}
		})
	}
}

func TestAHostIsNotHardenedOfWhichNoCopyCanBeKept(t *testing.T) {
	d := newDesk(t)
	d.SealedCopy = &copyOf{full: fault.New(fault.Exhausted, "the disk is full")}
	d.ends()
	_, err := d.Harden(t.Context(), root, wire.Harden{KeyHash: string(theHash)})
	told(t, err, fault.Exhausted, "a copy of what is sealed cannot be kept", "the disk is full")
	if d.phase() != phase.Setup {
		t.Error("it is hardened all the same")
	}
}

func TestASetupHostPutsNothingBack(t *testing.T) {
	d := newDesk(t)
	d.SealedCopy = &copyOf{data: []byte("{")}
	_, err := d.ApplyConfig(t.Context(), root, d.declare(before))
	d.must(err)
	if back, err := d.PutBackSealed(t.Context(), atBoot); back || err != nil {
		t.Errorf("%v %v", back, err)
	}
}

// The start that puts it back is cut at each of its commits. The next one has all of it, and each VM is the one that
// was there.
func TestAStartThatIsCutWhileItPutsBackWhatWasSealedIsFinishedByTheNext(t *testing.T) {
	start := func(t *testing.T) (*desk, *cut, map[string]string) {
		d := newDesk(t)
		d.SealedCopy = &copyOf{}
		_, err := d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{"vms":{"web":{"memory":"512MiB"},"app":{"memory":"256MiB"}}}}`))
		d.must(err)
		d.harden()
		uuids := map[string]string{"web": d.object("web").Spec.UUID, "app": d.object("app").Spec.UUID}
		d.putBack(before)
		c := &cut{Store: d.Store, at: -1}
		d.Store = c
		return d, c, uuids
	}
	d, c, _ := start(t)
	_, err := d.PutBackSealed(t.Context(), atBoot)
	d.must(err)
	if c.n < 2 {
		t.Fatalf("%d commits", c.n)
	}
	for at := range c.n {
		for _, written := range []bool{false, true} {
			t.Run(fmt.Sprintf("commit %d, written %v", at, written), func(t *testing.T) {
				d, c, uuids := start(t)
				c.at, c.written = at, written
				if _, err := d.PutBackSealed(t.Context(), atBoot); err == nil {
					t.Fatal("it was not cut")
				}
				again := &desk{Actions: New(d.Config), t: t}
				again.Store = c.Store
				_, err := again.PutBackSealed(t.Context(), atBoot)
				again.must(err)
				again.must(again.Resume(t.Context(), atBoot))
				again.standsAsSealed()
				for name, uuid := range uuids {
					if o := again.object(name); o.Spec.UUID != uuid {
						t.Errorf("%s is %s, and was %s", name, o.Spec.UUID, uuid)
					}
				}
				if o := again.object("web"); o.Spec.Memory != 512<<20 || !again.stands().Complete {
					t.Errorf("%+v %+v", o.Spec, again.stands())
				}
			})
		}
	}
}
