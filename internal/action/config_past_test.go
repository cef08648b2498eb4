package action

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func (d *desk) stands() config.Applied {
	d.t.Helper()
	s, _, err := d.standing(d.t.Context())
	d.must(err)
	return s.Applied
}

func TestAnyKeptGenerationStandsAgainAsANewOne(t *testing.T) {
	d := newDesk(t)
	told := root
	told.Message = "two more CPUs"
	d.apply(`"web":{` + small + `,"power":"on"},"db":{` + small + `}`)
	_, err := d.ApplyConfig(t.Context(), told, d.declare(vmsOf(`"web":{`+small+`,"cpus":3,"power":"on"}`)))
	d.must(err)
	d.apply(`"new":{` + small + `}`)
	first, err := d.past(t.Context(), 1)
	d.must(err)

	dry := root
	dry.DryRun = true
	res, err := d.RollBackConfig(t.Context(), dry, 1)
	d.must(err)
	if c := res.Preview.Config; c.Restores != 1 || c.Generation != 4 || c.Declaration != first.Digest {
		t.Errorf("%+v", c)
	}
	_, err = d.RollBackConfig(t.Context(), root, 1)
	d.must(err)
	if s := d.stands(); s.Generation != 4 || s.Restores != 1 || s.Digest != first.Digest || !s.Complete {
		t.Errorf("%+v", s)
	}
	if o := d.object("web"); o.Spec.CPUs != 0 || o.Spec.Power != vm.On || o.Origin != model.Declared {
		t.Errorf("%+v", o)
	}
	if o := d.object("new"); o.Spec.Power != vm.Off || o.Origin != model.Released {
		t.Errorf("%+v", o)
	}
	second, err := d.past(t.Context(), 2)
	d.must(err)
	if second.Message != "two more CPUs" || second.By.Name != "root" || second.Restores != 0 {
		t.Errorf("%+v", second)
	}
	_, err = d.RollBackConfig(t.Context(), root, 0) // what stood before the rollback
	d.must(err)
	if s := d.stands(); s.Generation != 5 || s.Restores != 3 {
		t.Errorf("%+v", s)
	}
	_, err = d.RollBackConfig(t.Context(), root, 3) // it stands already
	d.must(err)
	if s := d.stands(); s.Generation != 5 {
		t.Errorf("%+v", s)
	}
	closed(t, d)
}

func TestWhatIsNotKeptDoesNotStandAgain(t *testing.T) {
	d := newDesk(t)
	_, err := d.RollBackConfig(t.Context(), root, 0)
	told(t, err, fault.NotFound, "no declaration stood before", "HV-CFG-007")
	d.apply(``)
	_, err = d.RollBackConfig(t.Context(), root, 0)
	told(t, err, fault.NotFound, "no declaration stood before")
	_, err = d.RollBackConfig(t.Context(), root, 9)
	told(t, err, fault.NotFound, "there is no generation 9", "hv config history")
	_, err = d.RollBackConfig(t.Context(), member, 1)
	told(t, err, fault.Denied, "only root may")
	long := root
	long.Message = strings.Repeat("x", 257)
	_, err = d.ApplyConfig(t.Context(), long, d.declare(`{}`))
	told(t, err, fault.Invalid, "at most 256 bytes")
	d.DeclaredBy = "/etc/hyper-nixos/declaration.json"
	_, err = d.RollBackConfig(t.Context(), root, 1)
	told(t, err, fault.Denied, "applied at boot")
}

func TestGenerationsAreKeptUpToABound(t *testing.T) {
	d := newDesk(t)
	for i := range config.MaxGenerations + 3 {
		_, err := d.ApplyConfig(t.Context(), root, d.declare(fmt.Sprintf(`{"hypervisor":{"host":{"description":"number %d"}}}`, i+1)))
		d.must(err)
	}
	page, err := d.Store.List(t.Context(), store.SpecPrefix(config.GenerationKind), store.ListOptions{})
	d.must(err)
	if len(page.KVs) != config.MaxGenerations-1 { // and the one that stands
		t.Errorf("%d are kept", len(page.KVs))
	}
	if _, err := d.past(t.Context(), 3); fault.KindOf(err) != fault.NotFound {
		t.Errorf("the third is kept: %v", err)
	}
	if g, err := d.past(t.Context(), 4); err != nil || g.Generation != 4 {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestAGenerationOfAnEarlierBuildIsKeptAndStandsAgain(t *testing.T) {
	d := newDesk(t)
	d.apply(`"web":{` + small + `}`)
	old := d.stands()
	digest := old.Digest
	old.Digest = ""
	op, err := store.PutJSON(configKey(), old, 0)
	d.must(err)
	_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{op}})
	d.must(err)
	if p := d.plan(vmsOf(`"web":{` + small + `}`)); !p.Config.Nothing {
		t.Errorf("%+v", p.Config)
	}
	d.apply(``)
	if g, err := d.past(t.Context(), 1); err != nil || g.Digest != digest {
		t.Errorf("%+v, %v", g, err)
	}
	_, err = d.RollBackConfig(t.Context(), root, 1)
	d.must(err)
}

// drawVMs draws a declaration of a few VMs that share volumes, some of which write.
func drawVMs(t *rapid.T, what string) string {
	var vms []string
	free := []string{"a", "b", "c"}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ann", "bob", "cat", "dan"}), 0, 4, rapid.ID[string]).Draw(t, what) {
		text := fmt.Sprintf(`"memory":"%dMiB"`, 64*rapid.IntRange(1, 4).Draw(t, "memory"))
		if p := rapid.SampledFrom([]string{"", "on", "off", "paused"}).Draw(t, "power"); p != "" {
			text += `,"power":"` + p + `"`
		}
		if rapid.Bool().Draw(t, "labelled") {
			text += `,"labels":{"tier":"` + name + `"}`
		}
		if len(free) > 0 && rapid.Bool().Draw(t, "has a disk") {
			i := rapid.IntRange(0, len(free)-1).Draw(t, "volume")
			text += `,"disks":{"root":{"volume":"` + free[i] + `"}}`
			free = append(free[:i:i], free[i+1:]...)
		}
		vms = append(vms, `"`+name+`":{`+text+`}`)
	}
	return vmsOf(strings.Join(vms, ","))
}

// specs are the declared VMs with every default filled in, by name.
func (d *desk) specs() map[string]vm.Spec {
	d.t.Helper()
	all, _, err := store.ListAll[vm.Object](d.t.Context(), d.Store, store.SpecPrefix("vm"))
	d.must(err)
	out := map[string]vm.Spec{}
	for _, o := range all {
		if o.Value.Origin == model.Declared {
			out[o.Value.Name], _ = vm.Effective(o.Value.Spec, "x86_64")
		}
	}
	return out
}

// Whatever A and B declare: B, then A again, is A; and twice the same is no change.
func TestARollbackBringsBackWhatWas(t *testing.T) {
	d := newDesk(t)
	for _, v := range []string{"a", "b", "c"} {
		d.volume(v)
	}
	rapid.Check(t, func(rt *rapid.T) {
		apply := func(text string) bool {
			_, err := d.ApplyConfig(t.Context(), root, d.declare(text))
			if fault.KindOf(err) == fault.Invalid && err != nil { // what one that is taken out keeps, others do not get
				return false
			}
			d.must(err)
			before := d.revision()
			if p := d.plan(text); !p.Config.Nothing {
				rt.Fatalf("once applied, it would do more: %s", lines(p))
			}
			was, specs := d.stands(), d.specs()
			_, err = d.ApplyConfig(t.Context(), root, d.declare(text))
			d.must(err)
			if now := d.stands(); now.Generation != was.Generation || cmp.Diff(specs, d.specs()) != "" || d.revision() != before+1 { // the operation
				rt.Fatalf("the second time changed something: revision %d after %d", d.revision(), before)
			}
			return true
		}
		if !apply(drawVMs(rt, "A")) {
			return
		}
		a, specs := d.stands(), d.specs()
		if !apply(drawVMs(rt, "B")) || d.stands().Generation == a.Generation {
			return
		}
		b, others := d.stands(), d.specs()
		_, err := d.RollBackConfig(t.Context(), root, a.Generation)
		if err != nil && strings.Contains(everything(err), "HV-CFG-009") { // a volume of A's is on a VM of B's, which keeps it: nothing is done
			if d.stands().Generation != b.Generation || cmp.Diff(others, d.specs()) != "" {
				rt.Fatal("what was refused changed something")
			}
			return
		}
		d.must(err)
		now := d.stands()
		if now.Digest != a.Digest || now.Restores != a.Generation || !now.Complete {
			rt.Fatalf("%+v", now)
		}
		got := d.specs()
		for name, spec := range specs { // a power that is not declared is its owner's, and was off while it was not declared
			if declared, _ := a.Read(); declared.VMs[name].Power == "" {
				spec.Power = got[name].Power
				specs[name] = spec
			}
		}
		if diff := cmp.Diff(specs, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}
