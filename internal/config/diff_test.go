package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestADiffSaysWhatChangesAndNothingElse(t *testing.T) {
	before := `
hypervisor:
  host: {name: home}
  featureManager: {enabledFeatures: [monitoring, localBackup], riskTolerance: balanced}
  vms:
    web: {cpus: 1, memory: 1GiB, serial: true, disks: {root: {volume: web}}, labels: {tier: web}}
    old: {memory: 512MiB, autostart: true}
    db: {autostart: true, boot: {kernel: k}}
`
	after := `
hypervisor:
  featureManager: {enabledFeatures: [snapshots, monitoring], riskTolerance: cautious, profile: full, extraFeatures: [api]}
  vms:
    web: {memory: 2GiB, serial: false, rng: false, disks: {root: {volume: web2}, data: {volume: d}}, labels: {"a/b": c}}
    new: {power: on}
    db: {boot: {kernel: k, initrd: i}}
`
	want := `- hypervisor.featureManager.enabledFeatures = "localBackup"
+ hypervisor.featureManager.enabledFeatures = "snapshots"
+ hypervisor.featureManager.extraFeatures = "api"
+ hypervisor.featureManager.profile = "full"
~ hypervisor.featureManager.riskTolerance: "balanced" → "cautious"
- hypervisor.host.name = "home"
- hypervisor.vms.db.autostart = true
+ hypervisor.vms.db.boot.initrd = "i"
+ hypervisor.vms.new = {"name":"new","power":"on"}
- hypervisor.vms.old = {"name":"old","memory":536870912,"autostart":true}
- hypervisor.vms.web.cpus = 1
+ hypervisor.vms.web.disks.data = {"volume":"d"}
~ hypervisor.vms.web.disks.root.volume: "web" → "web2"
+ hypervisor.vms.web.labels."a/b" = "c"
- hypervisor.vms.web.labels.tier = "web"
~ hypervisor.vms.web.memory: 1GiB → 2GiB
+ hypervisor.vms.web.rng = false
~ hypervisor.vms.web.serial: true → false`
	if d := cmp.Diff(want, diffOf(t, before, after)); d != "" {
		t.Error(d)
	}
}

func TestAnEmptyListOfFeaturesIsAChange(t *testing.T) {
	none, empty := "hypervisor: {featureManager: {}}", "hypervisor: {featureManager: {enabledFeatures: []}}"
	if got := diffOf(t, none, empty); got != "+ hypervisor.featureManager.enabledFeatures = []" {
		t.Error(got)
	}
	if got := diffOf(t, empty, none); got != "- hypervisor.featureManager.enabledFeatures = []" {
		t.Error(got)
	}
}

func diffOf(t *testing.T, before, after string) string {
	t.Helper()
	var read [2]Declaration
	for i, text := range []string{before, after} {
		var err error
		if read[i], err = ReadString(t.Context(), YAML, "x.yaml", text); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for _, c := range Diff(read[0], read[1]) {
		lines = append(lines, c.String())
	}
	return strings.Join(lines, "\n")
}

func TestADiffIsEmptyForTheSameAndTurnsRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDeclaration(t), drawDeclaration(t)
		if d := Diff(a, a); len(d) > 0 {
			t.Fatal("a declaration differs from itself: ", d)
		}
		there, back := Diff(a, b), Diff(b, a)
		if len(there) != len(back) {
			t.Fatalf("%v\n%v", there, back)
		}
		if len(there) == 0 && cmp.Diff(a, b) != "" && !sameFeatures(a, b) {
			t.Fatal("a difference is not told: ", cmp.Diff(a, b))
		}
	})
}

// sameFeatures reports whether a and b could differ in the order of their features only.
func sameFeatures(a, b Declaration) bool {
	return cmp.Diff(a.FeatureManager, b.FeatureManager) != "" && cmp.Diff(a.VMs, b.VMs) == "" && a.Host == b.Host
}
