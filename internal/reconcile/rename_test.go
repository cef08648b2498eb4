//go:build linux

package reconcile_test

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

func TestAVMThatRunsGetsAnotherNameAndGoesOn(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Volume("medium"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData, func(def *vm.Definition) {
		def.NICs, def.CDROMs = map[string]vm.NIC{"lan": {}}, map[string]vm.CDROM{"cd": {Volume: "medium"}}
	})))
	before, uid := d.Power("web"), d.VM("web").Metadata.UID
	res, err := d.Actions.RenameVM(t.Context(), fakehost.Member, fakehost.Ref("web"), "www")
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	p := d.State("www", vm.StateRunning)
	if p.Process.PID != before.Process.PID || p.Process.Started == nil || d.VM("www").Metadata.UID != uid || h.Launches() != 1 {
		t.Errorf("%+v", p.Process)
	}
	d.Until("its wish to be seen as true", func() bool { return d.Power("www").ObservedGeneration == d.VM("www").Metadata.Generation })
	page, err := h.Store.List(t.Context(), store.Root, store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range page.KVs {
		if strings.HasSuffix(kv.Key, "/web") || strings.Contains(kv.Key, "/vm-status/default/web/") || strings.Contains(kv.Key, "/claim/") && strings.Contains(string(kv.Value), "web") {
			t.Errorf("%s still speaks of the old name: %s", kv.Key, kv.Value)
		}
	}
	_, err = d.Actions.CreateVM(t.Context(), fakehost.Member, "default", fakehost.Tiny("db", withData))
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "vm/www") {
		t.Errorf("its disk belongs to: %v", err)
	}
	h.Murder("web") // as its process is still called
	d.State("www", vm.StateCrashed)
	d.Done(d.Verb("start", "www"))
	d.Done(d.Create(fakehost.Tiny("web", on))) // the name is free
	d.Done(d.Verb("kill", "www"))
	d.Done(d.Delete("www"))
	d.Gone("www")
}

func TestANameIsRefusedWithItsReason(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	d.Done(d.Create(fakehost.Tiny("db")))
	for name, kind := range map[string]fault.Kind{"db": fault.Conflict, "Web": fault.Invalid, "web": fault.Conflict} {
		_, err := d.Actions.RenameVM(t.Context(), fakehost.Member, fakehost.Ref("web"), name)
		if fault.KindOf(err) != kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := d.Actions.RenameVM(t.Context(), fakehost.Member, fakehost.Ref("none"), "x")
	if fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
}
