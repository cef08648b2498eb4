//go:build linux

package gates_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/cli"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// What hv is shown of a VM has its secrets hidden: a clone has them anyway, linked or in full, by both commands.
func TestACloneOfASnapshotHasTheSecretsOfItsVMAndWhatFailsLeavesNothing(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Declare(`{"hypervisor":{"featureManager":{"extraFeatures":["snapshots"]}}}`)
	d.Done(d.Volume("data"))
	const secret = "#cloud-config\nchpasswd: {expire: false}\n"
	d.Done(d.Create(fakehost.Tiny("web", func(def *vm.Definition) {
		def.Disks = map[string]vm.Disk{"root": {Volume: "data"}}
		def.CloudInit = &vm.CloudInit{UserData: secret}
	})))
	res, err := d.Actions.CreateSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.CreateSnapshot{Name: "one"})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	_, socket := serve(t, d)
	hv := func(line string) (int, string) {
		var out bytes.Buffer
		env := func(name string) string { return map[string]string{"HV_HOST": "unix://" + socket}[name] }
		code := cli.Run(t.Context(), strings.Fields(line), session.World{In: strings.NewReader(""), Out: &out, Err: &out, Env: env, Now: time.Now, Root: t.TempDir()})
		return code, out.String()
	}
	for line, layers := range map[string]int{
		"snapshot clone web one a": 2, "vm clone web b --snapshot one": 2,
		"snapshot clone web one c --full": 1, "vm clone web d --full --snapshot one": 1, "vm clone web e --full": 1,
	} {
		if code, out := hv(line); code != 0 {
			t.Errorf("hv %s: %d\n%s", line, code, out)
			continue
		}
		name := strings.Fields(strings.TrimSuffix(line, " --full"))
		of := name[3]
		if name[0] == "snapshot" {
			of = name[4]
		}
		made, _, err := store.Get[vm.Object](t.Context(), h.Store, store.SpecKey(store.Ref{Kind: "vm", Project: store.DefaultProject, Name: of}))
		if err != nil || made.Spec.CloudInit == nil || made.Spec.CloudInit.UserData != secret || made.Spec.Disks["root"].Volume != of+"-root" {
			t.Errorf("hv %s: %+v, %v", line, made.Spec, err)
		}
		v, _, err := store.Get[storage.Volume](t.Context(), h.Store, store.SpecKey(store.Ref{Kind: "volume", Project: store.DefaultProject, Name: of + "-root"}))
		if err != nil || len(v.Chain()) != layers {
			t.Errorf("hv %s: its volume is %+v, %v", line, v, err)
		}
	}
	volumes := len(h.PoolFiles("pool"))
	if code, out := hv("snapshot clone web one f --full --pool none"); code == 0 || !strings.Contains(out, "HV-POOL-001") {
		t.Errorf("into a pool that there is not: %d\n%s", code, out)
	}
	if _, err := d.View.VM(t.Context(), fakehost.Ref("f")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("its VM is left: %v", err)
	}
	d.Until("its volume to go", func() bool { return len(h.PoolFiles("pool")) == volumes && len(d.Trash()) == 0 })
	if code, out := hv("snapshot clone web one g --full --dry-run"); code != 0 || !strings.Contains(out, "shares nothing") {
		t.Errorf("%d\n%s", code, out)
	}
}
