package view

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAListIsCutIntoPages(t *testing.T) {
	d := newDesk(t)
	d.run()
	for _, name := range []string{"c", "a", "b", "e", "d"} {
		d.shown(putVM(t, name, nil))
	}
	var all []string
	cursor := ""
	for range 3 {
		p, err := d.VMs(t.Context(), "default", ListOptions{Limit: 2, Cursor: cursor})
		d.must(err)
		if p.Total != 5 || p.Revision != 5 {
			t.Errorf("page %+v", p)
		}
		all, cursor = append(all, names(t, p.Items)...), p.Next
	}
	if !slices.Equal(all, []string{"a", "b", "c", "d", "e"}) || cursor != "" {
		t.Errorf("pages have %v, then %q", all, cursor)
	}
	if p, err := d.VMs(t.Context(), "lab", ListOptions{}); err != nil || len(p.Items) != 0 || p.Items == nil {
		t.Errorf("another project has %+v, %v", p, err)
	}
	if p, err := d.VMs(t.Context(), "", ListOptions{}); err != nil || p.Total != 5 {
		t.Errorf("all projects have %+v, %v", p, err)
	}
}

func TestAListIsChosenByLabelsAndNames(t *testing.T) {
	d := newDesk(t)
	d.run()
	d.shown(putVM(t, "web-1", map[string]string{"tier": "web", "env": "test"}), putVM(t, "web-2", map[string]string{"tier": "web"}), putVM(t, "db", map[string]string{"tier": "db"}))
	for selector, want := range map[string]string{
		"": "db web-1 web-2", "tier=web": "web-1 web-2", "tier==web": "web-1 web-2", "tier!=web": "db", "env": "web-1", "tier=web, env!=test": "web-2", "tier=web,tier=db": "",
	} {
		p, err := d.VMs(t.Context(), "default", ListOptions{Selector: selector})
		if got := strings.Join(names(t, p.Items), " "); err != nil || got != want || p.Total != len(p.Items) {
			t.Errorf("%q chooses %q of %d, want %q, %v", selector, got, p.Total, want, err)
		}
	}
	if p, err := d.VMs(t.Context(), "default", ListOptions{Filter: "eb-"}); err != nil || strings.Join(names(t, p.Items), " ") != "web-1 web-2" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{"=web", "!=x", strings.Repeat("a", 1025)} {
		if _, err := d.VMs(t.Context(), "default", ListOptions{Selector: bad}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

// Walking all pages gives exactly all that is wanted, each once, in order.
func TestTheWalkThroughAllPagesMissesNothingAndRepeatsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := newTable()
		want := map[string]bool{}
		for _, name := range rapid.SliceOfN(rapid.StringMatching(`[a-c]{1,4}`), 0, 40).Draw(t, "names") {
			project := rapid.SampledFrom([]string{"a", "ab", "b"}).Draw(t, "project")
			labels := map[string]string{"k": rapid.SampledFrom([]string{"x", "y"}).Draw(t, "label")}
			tab.put(project+"/"+name, row{name: name, labels: labels, item: json.RawMessage(`"` + project + "/" + name + `"`)})
		}
		for _, gone := range rapid.SliceOfN(rapid.StringMatching(`(a|ab|b)/[a-c]{1,2}`), 0, 10).Draw(t, "dropped") {
			tab.drop(gone)
		}
		opt := ListOptions{
			Limit: rapid.IntRange(1, 7).Draw(t, "limit"), Filter: rapid.SampledFrom([]string{"", "a", "cc"}).Draw(t, "filter"),
			Selector: rapid.SampledFrom([]string{"", "k=x", "k!=x"}).Draw(t, "selector"),
		}
		prefix := rapid.SampledFrom([]string{"", "a/", "ab/", "c/"}).Draw(t, "prefix")
		sel, _ := model.ParseSelector(opt.Selector)
		for key, r := range tab.rows {
			if strings.HasPrefix(key, prefix) && strings.Contains(r.name, opt.Filter) && sel.Matches(r.labels) {
				want[key] = true
			}
		}
		var got []string
		for {
			p, err := tab.page(prefix, opt)
			if err != nil || p.Total != len(want) || len(p.Items) > opt.Limit {
				t.Fatalf("%+v, %v; %d are wanted", p, err, len(want))
			}
			for _, raw := range p.Items {
				got = append(got, strings.Trim(string(raw), `"`))
			}
			if opt.Cursor = p.Next; p.Next == "" {
				break
			}
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(want) {
			t.Fatalf("walked %v, want %v", got, want)
		}
		for _, key := range got {
			if !want[key] {
				t.Fatalf("%s is not wanted", key)
			}
		}
	})
}

func TestAnItemOfAListIsSmall(t *testing.T) {
	d := newDesk(t)
	d.run()
	since := noon
	d.shown(putVM(t, "web-frontend-01", map[string]string{"tier": "web"}), putPower(t, "web-frontend-01", vm.PowerStatus{State: vm.StateRunning, Seen: noon, Since: since, Accelerator: vm.KVM}))
	p, err := d.VMs(t.Context(), "default", ListOptions{})
	d.must(err)
	if n := len(p.Items[0]); n > 300 {
		t.Errorf("%d bytes: %s", n, p.Items[0])
	}
	d.shown(putPower(t, "web-frontend-01", vm.PowerStatus{State: vm.StateCrashed, Problem: &vm.Trouble{What: strings.Repeat("ü", 4000)}}))
	p, err = d.VMs(t.Context(), "default", ListOptions{})
	d.must(err)
	if n := len(p.Items[0]); n > 500 || !json.Valid(p.Items[0]) {
		t.Errorf("with a long trouble %d bytes", n)
	}
}

func TestAVMIsShownInFullWithItsDefaults(t *testing.T) {
	d := newDesk(t)
	d.run()
	rev := d.shown(putVM(t, "web", nil))
	d.shown(putPower(t, "web", vm.PowerStatus{State: vm.StateRunning, Seen: noon}))
	v, err := d.VM(t.Context(), model.Ref{Project: "default", Name: "web"})
	d.must(err)
	if v.Metadata.Revision != rev || v.Spec.Machine != "" || v.Effective.Machine != "q35" || !slices.Contains(v.Defaults, "machine") || v.Status.Power.State != vm.StateRunning {
		t.Errorf("%+v", v)
	}
	if _, err := d.VM(t.Context(), model.Ref{Project: "default", Name: "db"}); fault.KindOf(err) != fault.NotFound || fault.HintOf(err) != "hv vm list" {
		t.Errorf("%v, hint %q", err, fault.HintOf(err))
	}
	h, err := d.Host(t.Context())
	if err != nil || h.VMs != 1 || h.Running != 1 || len(h.Findings) != 1 || h.Findings[0].Code != "HV-HOST-001" {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestWhatIsDeletedIsNotShown(t *testing.T) {
	d := newDesk(t)
	d.run()
	d.shown(putVM(t, "web", nil), putPower(t, "web", vm.PowerStatus{State: vm.StateRunning}),
		put(t, store.SpecKey(ref("volume", "data")), storage.Volume{Metadata: model.Metadata{Name: "data", Project: "default"}}),
		put(t, store.StatusKey(ref("volume", "data"), "reconcile"), storage.VolumeStatus{Made: true}),
		put(t, store.ClaimKey("disk", "default", "data"), storage.Claim{Writer: "vm/web"}))
	vol, err := d.Volume(t.Context(), model.Ref{Project: "default", Name: "data"})
	if err != nil || vol.Usage.UsedBy != "vm/web" || vol.Usage.Allocated != 4096 || !vol.Ready {
		t.Errorf("%+v, %v", vol, err)
	}
	d.shown(store.DeleteOp(store.SpecKey(ref("vm", "web"))), store.DeletePrefixOp(store.StatusPrefix(ref("vm", "web"))), store.DeleteOp(store.ClaimKey("disk", "default", "data")))
	if h, err := d.Host(t.Context()); err != nil || h.VMs != 0 || h.Running != 0 {
		t.Errorf("%+v, %v", h, err)
	}
	if vol, err = d.Volume(t.Context(), model.Ref{Project: "default", Name: "data"}); err != nil || vol.Usage.UsedBy != "" {
		t.Errorf("%+v, %v", vol, err)
	}
	d.shown(store.DeleteOp(store.SpecKey(ref("volume", "data"))), store.DeletePrefixOp(store.StatusPrefix(ref("volume", "data"))))
	for _, list := range []func() (wire.Page, error){
		func() (wire.Page, error) { return d.VMs(t.Context(), "default", ListOptions{}) },
		func() (wire.Page, error) { return d.Volumes(t.Context(), "default", ListOptions{}) },
	} {
		if p, err := list(); err != nil || p.Total != 0 {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

func TestWhatIsLoadedIsWhatWasFollowed(t *testing.T) {
	d := newDesk(t)
	d.run()
	d.shown(putVM(t, "web", nil), putPower(t, "web", vm.PowerStatus{State: vm.StateRunning}),
		put(t, store.SpecKey(ref("boot-file", "k")), storage.BootFile{Metadata: model.Metadata{Name: "k", Project: "default"}, Kind: storage.KernelFile}),
		put(t, store.SpecKey(ref("operation", "a1")), operation.Wish{ID: "a1", Created: noon}),
		put(t, store.StatusKey(ref("operation", "a1"), "reconcile"), operation.Status{State: operation.Running}))
	again := New(d.Config)
	d.must(again.Load(t.Context()))
	for name, list := range map[string]func(*View) (wire.Page, error){
		"vms":        func(v *View) (wire.Page, error) { return v.VMs(t.Context(), "", ListOptions{}) },
		"boot files": func(v *View) (wire.Page, error) { return v.BootFiles(t.Context(), "", ListOptions{}) },
		"operations": func(v *View) (wire.Page, error) { return v.Operations(t.Context(), ListOptions{}) },
	} {
		one, err1 := list(d.View)
		two, err2 := list(again)
		if err1 != nil || err2 != nil || one.Total != 1 || string(one.Items[0]) != string(two.Items[0]) {
			t.Errorf("%s: %s, %s", name, one.Items, two.Items)
		}
	}
}

func TestOperationsAreListedNewestFirstAndFoundByAFewDigits(t *testing.T) {
	d := newDesk(t)
	d.run()
	for i, id := range []string{"aa11", "aa22", "bb33"} {
		wish := operation.Wish{ID: id, Action: "vm.start", Target: operation.Target{Kind: "vm", Ref: model.Ref{Project: "default", Name: "web"}}, Created: noon.Add(time.Duration(i))}
		d.shown(put(t, store.SpecKey(ref("operation", id)), wish))
	}
	p, err := d.Operations(t.Context(), ListOptions{Filter: "web"})
	d.must(err)
	var ids []string
	for _, raw := range p.Items {
		var op operation.Operation
		d.must(json.Unmarshal(raw, &op))
		ids = append(ids, op.ID)
	}
	if !slices.Equal(ids, []string{"bb33", "aa22", "aa11"}) {
		t.Errorf("listed %v", ids)
	}
	if op, err := d.Operation(t.Context(), "b"); err != nil || op.ID != "bb33" || op.State != operation.Pending {
		t.Errorf("%+v, %v", op, err)
	}
	for id, kind := range map[string]fault.Kind{"aa": fault.Conflict, "c": fault.NotFound, "": fault.NotFound} {
		if _, err := d.Operation(t.Context(), id); fault.KindOf(err) != kind || err == nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	d.shown(store.DeleteOp(store.SpecKey(ref("operation", "bb33"))))
	if p, err := d.Operations(t.Context(), ListOptions{}); err != nil || p.Total != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWhoWroteReadsWhatItWrote(t *testing.T) {
	d := newDesk(t)
	d.must(d.Load(t.Context()))
	rev := d.commit(putVM(t, "web", nil))
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Await(short, rev); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("nobody follows, and it says %v", err)
	}
	d.run()
	d.must(d.Await(t.Context(), rev))
	if _, err := d.VM(t.Context(), model.Ref{Project: "default", Name: "web"}); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeReadIsLeftOutAndHidesNothingElse(t *testing.T) {
	d := newDesk(t)
	d.commit(store.PutOp(store.SpecKey(ref("vm", "bad")), []byte(`{"nonsense":1}`), 0), putVM(t, "web", nil))
	d.run()
	if p, err := d.VMs(t.Context(), "default", ListOptions{}); err != nil || p.Total != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

func BenchmarkList10000VMs(b *testing.B) {
	tab := newTable()
	for i := range 10_000 {
		tab.put("default/"+vmName(i), row{name: vmName(i), labels: map[string]string{"tier": fmt.Sprint(i % 10)}, item: json.RawMessage(`{"name":"` + vmName(i) + `"}`)})
	}
	walk := func(opt ListOptions) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				if p, err := tab.page("default/", opt); err != nil || len(p.Items) == 0 {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("page of 100", walk(ListOptions{Cursor: "default/" + vmName(5000)}))
	b.Run("page of 100 by label", walk(ListOptions{Selector: "tier=3"}))
	b.Run("all, by pages of 1000", func(b *testing.B) {
		for b.Loop() {
			opt := ListOptions{Limit: MaxPage}
			for n := 0; ; {
				p, err := tab.page("default/", opt)
				if err != nil {
					b.Fatal(err)
				}
				n += len(p.Items)
				if opt.Cursor = p.Next; p.Next == "" {
					if n != 10_000 {
						b.Fatal(n)
					}
					break
				}
			}
		}
	})
}
