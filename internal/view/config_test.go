package view

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// generation is an applied declaration of that text.
func (d *desk) generation(n int64, text string) config.Applied {
	d.t.Helper()
	decl, err := config.ReadString(d.t.Context(), config.YAML, "host.yaml", text)
	if err != nil {
		d.t.Fatal(err)
	}
	encoded, err := decl.Encode()
	if err != nil {
		d.t.Fatal(err)
	}
	return config.Applied{Generation: n, At: noon, By: operation.Actor{Name: "root"}, Source: "applied", Message: "no " + text[:3], Declaration: encoded, Complete: true}
}

func past(n int64) string {
	return store.SpecKey(store.Ref{Kind: config.GenerationKind, Project: store.HostWide, Name: config.GenerationName(n)})
}

const currentKey = "/hv/v1/config/-/current"

func TestGenerationsAreListedNewestFirstAndShown(t *testing.T) {
	d := newDesk(t)
	if g, err := d.Generations(t.Context()); err != nil || len(g.Items) != 0 || g.Most != config.MaxGenerations {
		t.Errorf("%+v, %v", g, err)
	}
	for n, text := range map[int64]string{9: "{hypervisor: {vms: {web: {cpus: 99}}}}", 10: "{hypervisor: {vms: {a: {}, b: {}}}}"} {
		d.commit(put(t, past(n), d.generation(n, text)))
	}
	d.commit(put(t, currentKey, d.generation(11, "{hypervisor: {}}")))
	g, err := d.Generations(t.Context())
	if err != nil || len(g.Items) != 3 {
		t.Fatalf("%+v, %v", g, err)
	}
	if first := g.Items[0]; first.Generation != 11 || !first.Stands || !strings.HasPrefix(first.Digest, "sha256:") || first.By.Name != "root" {
		t.Errorf("%+v", first)
	}
	if second := g.Items[1]; second.Generation != 10 || second.Stands || second.VMs != 2 || second.Message == "" {
		t.Errorf("%+v", second)
	}
	c, err := d.Generation(t.Context(), 9, true)
	if err != nil || c.Generation != 9 || !c.Findings.Refuses() || c.Findings[0].Position.Line == 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := d.Generation(t.Context(), 11, true); err != nil || c.Generation != 11 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := d.Generation(t.Context(), 3, true); fault.KindOf(err) != fault.NotFound || fault.CodeOf(err) != config.CodeNoGeneration {
		t.Error(err)
	}
}

func TestTheStatusHoldsWhatRunsAgainstWhatIsDeclared(t *testing.T) {
	d := newDesk(t)
	d.run()
	st, err := d.ConfigStatus(t.Context())
	if err != nil || !st.InStep || !st.Complete || st.Generation != 0 || st.Source != "none" {
		t.Errorf("%+v, %v", st, err)
	}
	applied := d.generation(1, "{hypervisor: {vms: {web: {power: 'on'}, gone: {}}, featureManager: {extraFeatures: [api]}}}")
	applied.Complete = false
	d.commit(put(t, currentKey, applied))
	d.commit(put(t, "/hv/v1/vm/default/web", vm.Object{Metadata: model.Metadata{Name: "web", Project: "default", Origin: model.Declared}, Spec: vm.Spec{Power: vm.On}}))
	d.commit(put(t, "/hv/v1/vm/default/old", vm.Object{
		Metadata: model.Metadata{Name: "old", Project: "default", Origin: model.Released}, Spec: vm.Spec{Disks: map[string]vm.Disk{"root": {Volume: "data"}}},
	}))
	d.shown(put(t, "/hv/v1/vm/default/hand", vm.Object{Metadata: model.Metadata{Name: "hand", Project: "default", Origin: model.Manual}}))
	d.Applying = func() *wire.Applying { return &wire.Applying{By: operation.Actor{Name: "ann"}} }
	d.Keeping = func() (wire.Keeping, finding.List) {
		return wire.Keeping{}, finding.List{{Code: "HV-CFG-005", Severity: finding.Limited, What: "the file is refused"}, {Code: "HV-STORE-006", Severity: finding.Limited}}
	}
	st, err = d.ConfigStatus(t.Context())
	if err != nil || st.InStep || st.Complete || st.VMs != 2 || st.Manual != 1 || st.Applying == nil || st.Declaration != nil {
		t.Errorf("%+v, %v", st, err)
	}
	if len(st.Drift) != 2 || st.Drift[0].Kind != wire.DriftMissing || st.Drift[1].Kind != wire.DriftPower {
		t.Errorf("%+v", st.Drift)
	}
	if len(st.Released) != 1 || st.Released[0].Name != "old" || st.Released[0].Volumes[0] != "data" || st.Released[0].State != vm.StateOff {
		t.Errorf("%+v", st.Released)
	}
	if len(st.Features) == 0 || st.Features[0].State == "on" {
		t.Errorf("%+v", st.Features)
	}
	told := false
	for _, f := range st.Findings {
		told = told || f.Code == "HV-CFG-005"
		if f.Code == "HV-STORE-006" {
			t.Error("what is no matter of the declaration's is told with it")
		}
	}
	if !told {
		t.Error("a file that is refused is not told")
	}
}

func TestAnApplyThatWasFinishedSinceIsToldNoMore(t *testing.T) {
	d := newDesk(t)
	cutOff := finding.Finding{Code: "HV-CFG-005", Severity: finding.Limited, What: "an apply that was cut off could not be finished"}
	d.Keeping = func() (wire.Keeping, finding.List) { return wire.Keeping{}, finding.List{cutOff} }
	told := func() bool {
		h, err := d.Host(t.Context())
		d.must(err)
		c, err := d.Standing(t.Context(), true)
		d.must(err)
		about := func(f finding.Finding) bool { return f.Code == cutOff.Code }
		host, config := slices.ContainsFunc(h.Findings, about), slices.ContainsFunc(c.Findings, about)
		if host != config {
			t.Errorf("hv host tells it: %v, hv config: %v", host, config)
		}
		return host
	}
	applied := d.generation(1, "{hypervisor: {}}")
	applied.Complete = false
	d.commit(put(t, currentKey, applied))
	if !told() {
		t.Error("it is not told")
	}
	applied.Complete = true
	d.commit(put(t, currentKey, applied))
	if told() {
		t.Error("it is told still")
	}
	d.DeclaredBy = "/etc/hyper-nixos/declaration.json" // a file that is refused is, until hvd reads it anew
	if !told() {
		t.Error("a refused file is not told")
	}
}

// What vm.cloud-init-secrets keeps to root stands in the declaration too.
func TestTheSecretsOfDeclaredVMsAreHidden(t *testing.T) {
	const declares = `{hypervisor: {vms: {web: {memory: 256MiB, cloudInit: {user: me, passwordHash: "$6$salt$s3crets3cret"}}, raw: {memory: 256MiB, cloudInit: {userData: "#!/bin/sh\necho s3cret\n", vendorData: "#!/bin/sh\necho s3cret\n"}}}}}`
	d := newDesk(t)
	old := d.generation(1, declares)
	d.commit(put(t, past(1), old), put(t, currentKey, d.generation(2, declares)))
	for _, secrets := range []bool{true, false} {
		for n := int64(1); n <= 2; n++ {
			c, err := d.Generation(t.Context(), n, secrets)
			d.must(err)
			if strings.Contains(string(c.Declaration), "s3cret") != secrets {
				t.Errorf("generation %d, secrets asked for: %v:\n%s", n, secrets, c.Declaration)
			}
			decl, err := config.Decode(c.Declaration)
			d.must(err)
			if got := decl.VMs["web"].CloudInit; got.User != "me" || (got.PasswordHash == vm.Hidden) == secrets {
				t.Errorf("%+v", got)
			}
			if sum, err := old.Sum(); err != nil || c.Digest != sum {
				t.Errorf("its digest is %s, %v", c.Digest, err)
			}
			if r := config.Check(decl.Unseen(), d.Facts()); c.Findings.Refuses() || r.Refused() {
				t.Errorf("%+v; whoever sees it finds %+v", c.Findings, r.Findings)
			}
		}
	}
}
