package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// faulty is a declaration for each code that Check may give, and the host that it is held against.
func faulty() map[string]struct {
	d Declaration
	f host.Facts
} {
	type one = struct {
		d Declaration
		f host.Facts
	}
	vms := func(f host.Facts, specs map[string]vm.Spec) one {
		all := map[string]vm.Definition{}
		for name, s := range specs {
			all[name] = vm.Definition{Name: name, Spec: s}
		}
		return one{Declaration{VMs: all}, f}
	}
	web := func(f host.Facts, s vm.Spec) one { return vms(f, map[string]vm.Spec{"web": s}) }
	two := func(a, b vm.Spec) one { return vms(aHost(), map[string]vm.Spec{"a": a, "b.c": b}) }
	noQEMU := aHost()
	noQEMU.QEMU = &host.QEMU{Why: "there is no qemu-system-x86_64"}
	noUEFI := aHost()
	noUEFI.UEFI = []host.UEFI{{Arch: "x86_64", Why: "ovmf is not installed"}}
	disk := func(volume string) vm.Spec { return vm.Spec{Disks: map[string]vm.Disk{"root": {Volume: volume}}} }
	after := func(name string) vm.Spec { return vm.Spec{Startup: &vm.Startup{After: []string{name}}} }
	yes := true
	mac := vm.Spec{NICs: map[string]vm.NIC{"lan": {Network: "user", MAC: "52:54:00:00:00:01"}}}
	return map[string]one{
		CodeHostName:        {Declaration{Host: HostSection{Name: "a host"}}, aHost()},
		CodeHostDescription: {Declaration{Host: HostSection{Description: strings.Repeat("x", maxDescription+1)}}, aHost()},
		CodeUnlockDelay:     {Declaration{Hardening: HardeningSection{UnlockDelay: "1s"}}, aHost()},
		CodePool:            {Declaration{Storage: StorageSection{Pools: map[string]storage.PoolSpec{"fast": {Path: "relative"}}}}, aHost()},
		CodeVMShape:         web(aHost(), vm.Spec{CPUs: 9999}),
		CodeVMCPUs:          web(aHost(), vm.Spec{CPUs: 5}),
		CodeVMMemory:        web(aHost(), vm.Spec{Memory: 9 * model.GiB}),
		CodeVMMachine:       web(aHost(), vm.Spec{Machine: "pc"}),
		CodeVMUUID:          two(vm.Spec{UUID: "5b2d5ca6-7b4c-4a4e-8d3f-0d1f6a3e7c11"}, vm.Spec{UUID: "5b2d5ca6-7b4c-4a4e-8d3f-0d1f6a3e7c11"}),
		CodeVMMAC:           two(mac, mac),
		CodeVMVolume:        two(disk("v"), disk("v")),
		CodeVMTotal:         two(vm.Spec{Memory: 6 * model.GiB, Power: vm.On}, vm.Spec{Memory: 6 * model.GiB, Power: vm.On}),
		CodeVMCircle:        two(after("b.c"), after("a")),
		CodeVMKVM:           web(aHost(), vm.Spec{Accelerator: vm.KVM}),
		CodeVMQEMU:          web(noQEMU, vm.Spec{}),
		CodeVMSystem:        web(aHost(), vm.Spec{OS: vm.Windows11, CPUs: 1}),
		CodeVMUEFI:          web(noUEFI, vm.Spec{Firmware: vm.UEFI}),
		CodeVMCPU:           web(cpuHost(), vm.Spec{CPU: &vm.CPU{Features: map[string]bool{"warp9.9": true}}}),
		CodeVMNUMAGrows:     web(aHost(), vm.Spec{NUMA: map[string]vm.NUMANode{"0": {}}, MemoryMax: model.GiB}),
		CodeVMHugeGrows:     web(aHost(), vm.Spec{Balloon: &yes, MemoryBacking: &vm.MemoryBacking{HugePages: vm.HugePage2M}}),
		CodeVMLockGrows:     web(aHost(), vm.Spec{MemoryMax: model.GiB, MemoryBacking: &vm.MemoryBacking{Locked: true}}),
		CodeVMHostNodes:     web(twoNodes(), vm.Spec{NUMA: map[string]vm.NUMANode{"0": {HostNodes: "1-2"}}}),
		CodeVMHugePages:     web(twoNodes(), vm.Spec{Memory: model.GiB, MemoryBacking: &vm.MemoryBacking{HugePages: vm.HugePage1G}}),
		CodeVMNoCPU:         web(aHost(), vm.Spec{Pinning: &vm.Pinning{VCPUs: map[string]string{"0": "3-4"}}}),
		CodeVMPins:          two(vm.Spec{Pinning: &vm.Pinning{CPUs: "0-1", Exclusive: true}}, vm.Spec{Pinning: &vm.Pinning{Emulator: "1"}}),
		CodeVMNested:        web(cpuHost(), vm.Spec{NestedVirtualization: true}),
	}
}

// Each code says whether an edit takes its finding away, and each edit that a finding offers does.
func TestEveryFindingOfADeclarationOffersTheEditsThatItsCodeSays(t *testing.T) {
	seen := faulty()
	for code, says := range Edits() {
		c, there := seen[code]
		if !there && code != CodeVMName { // no declaration can say one key twice; a folder of VMs can
			t.Errorf("%s: no declaration here shows it", code)
			continue
		}
		for _, f := range Check(c.d, c.f).Findings {
			if f.Code == code && (len(f.Ways) > 0) != (says == feature.ByEdit) {
				t.Errorf("%s has %d ways, and says %q", code, len(f.Ways), says)
			}
			if f.Code != code {
				continue
			}
			delete(seen, code)
			for _, way := range f.Ways {
				d := edited(t, c.d, way)
				if slices.ContainsFunc(Check(d, c.f).Findings, func(g finding.Finding) bool { return g.Code == code && g.What == f.What }) {
					t.Errorf("%s is still there after %+v", code, way)
				}
			}
		}
	}
	for code := range seen {
		t.Errorf("%s: the declaration for it does not show it", code)
	}
}

// What a check can say is in the table of its edits.
func TestEveryCodeOfACheckSaysWhetherAnEditHelps(t *testing.T) {
	files, err := filepath.Glob("check*.go")
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile(`"(HV-[A-Z]+-[0-9]{3})"`)
	for _, name := range append(files, "hardening.go") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range told.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(name, "_test.go") && Edits()[m[1]] == "" {
				t.Errorf("%s in %s", m[1], name)
			}
		}
	}
}

// edited makes the edits of a way, those of features and those of any other path, as a program would: in the
// declaration's JSON.
func edited(t *testing.T, d Declaration, way finding.Way) Declaration {
	t.Helper()
	for _, e := range way {
		if strings.HasPrefix(e.Path, "hypervisor.featureManager.") {
			f, err := feature.Edited(d.FeatureManager, finding.Way{e})
			if err != nil {
				t.Fatal(err)
			}
			d.FeatureManager = f
			continue
		}
		var tree map[string]any
		raw, err := json.Marshal(map[string]any{"hypervisor": map[string]any{"vms": d.VMs, "host": d.Host, "hardening": d.Hardening}})
		if err == nil {
			err = json.Unmarshal(raw, &tree)
		}
		if err != nil {
			t.Fatal(err)
		}
		edit(tree, keysOf(e.Path), e)
		var back struct {
			Hypervisor struct {
				VMs       map[string]vm.Definition
				Host      HostSection
				Hardening HardeningSection
			}
		}
		raw, err = json.Marshal(tree)
		if err == nil {
			err = json.Unmarshal(raw, &back)
		}
		if err != nil {
			t.Fatalf("after %+v: %v", e, err)
		}
		d.VMs, d.Host, d.Hardening = back.Hypervisor.VMs, back.Hypervisor.Host, back.Hypervisor.Hardening
	}
	return d
}

var aKey = regexp.MustCompile(`"[^"]*"|[^."]+`)

func keysOf(path string) []string {
	keys := aKey.FindAllString(path, -1)
	for i, k := range keys {
		keys[i] = strings.Trim(k, `"`)
	}
	return keys
}

// edit makes one edit in a tree of JSON. A value that is JSON is what it says, any other one is a text.
func edit(in map[string]any, keys []string, e finding.Edit) {
	if len(keys) > 1 {
		below, _ := in[keys[0]].(map[string]any)
		if below == nil {
			below = map[string]any{}
			in[keys[0]] = below
		}
		edit(below, keys[1:], e)
		return
	}
	switch e.Op {
	case finding.Set:
		var v any = e.Value
		if json.Valid([]byte(e.Value)) {
			v = json.RawMessage(e.Value)
		}
		in[keys[0]] = v
	case finding.Unset:
		delete(in, keys[0])
	case finding.Remove:
		l, _ := in[keys[0]].([]any)
		in[keys[0]] = slices.DeleteFunc(l, func(v any) bool { return v == e.Value })
	case finding.Add, finding.Replace:
		panic("no finding about a VM offers that")
	}
}

// A preset's own check has nothing to say of how it is written: what stands there is about this build, about a host that
// nobody asked, or a warning that comes with the feature.
func TestAPresetIsCleanByItself(t *testing.T) {
	fine := map[string]bool{"HV-FEAT-026": true, "HV-FEAT-028": true, "HV-FEAT-029": true}
	cases := maps.Clone(map[string]feature.Declaration{"what holds where nothing is declared": {}})
	for _, p := range Presets() {
		cases[p.ID] = p.Declaration
	}
	for name, d := range cases {
		for _, f := range Check(Declaration{FeatureManager: d}, host.Facts{}).Findings {
			if !fine[f.Code] {
				t.Errorf("%s: %s %s (%s)", name, f.Code, f.What, f.Remedy)
			}
		}
	}
}
