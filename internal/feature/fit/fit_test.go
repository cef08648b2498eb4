package fit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// machines are the facts that the probers find on each of their fixtures.
const machines = "../../host/probe/testdata/"

func machine(t testing.TB, name string) host.Facts {
	t.Helper()
	data, err := os.ReadFile(machines + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var f host.Facts
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func everyMachine(t testing.TB) map[string]host.Facts {
	t.Helper()
	files, err := filepath.Glob(machines + "*.json")
	if err != nil || len(files) < 7 {
		t.Fatalf("%v: %v", files, err)
	}
	out := map[string]host.Facts{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		out[name] = machine(t, name)
	}
	return out
}

// asked are a machine's facts as a daemon has them: hv-helper tried KVM, and QEMU was asked.
func asked(f host.Facts) host.Facts {
	f.KVM = &host.Verdict{OK: virtualization(f).Answer == Yes && inTheWay(f).Answer == Yes, Why: "a probe VM ended as expected"}
	f.QEMU = &host.QEMU{Path: "/usr/bin/qemu", Arch: f.Arch, Version: "7.2.22", BlockDrivers: []string{"qcow2", "raw", "rbd", "vhdx", "vmdk", "vpc"}}
	f.Landlock = &host.Verdict{OK: true, Why: "version 2"}
	return f
}

func (r Report) row(t *testing.T, table catalogue.TableName, name, column string) Row {
	t.Helper()
	i := slices.IndexFunc(r.Rows, func(row Row) bool {
		return row.Table == table && row.Row == name && (column == "" || row.Column == column)
	})
	if i < 0 {
		t.Fatalf("no row %s × %s in %s", name, column, table)
	}
	return r.Rows[i]
}

func (r Report) feature(t *testing.T, id catalogue.ID) Feature {
	t.Helper()
	i := slices.IndexFunc(r.Features, func(f Feature) bool { return f.ID == id })
	if i < 0 {
		t.Fatalf("no feature %s", id)
	}
	return r.Features[i]
}

func TestMachinesCanWhatTheirHardwareAllows(t *testing.T) {
	const kvm, basic, nest, pass, vf = "KVM Acceleration", string(catalogue.BasicVirtualization), string(catalogue.Nesting), string(catalogue.Passthrough), string(catalogue.VirtualFunctions)
	for name, want := range map[string]struct {
		rows map[string]Answer
		gpu  Answer
		says string // of the GPU
	}{
		"intel-server":    {map[string]Answer{kvm: Yes, basic: Yes, nest: Yes, pass: Yes, vf: Yes}, Yes, "0000:3b:00.0"},
		"amd-workstation": {map[string]Answer{kvm: Yes, basic: Yes, nest: Yes, pass: Yes, vf: No}, No, "vfio-pci is not loaded"},
		"cheap-vps":       {map[string]Answer{kvm: No, basic: Limited, nest: No, pass: No, vf: No}, No, "itself a VM"},
		"arm64-server":    {map[string]Answer{kvm: Yes, basic: Yes, nest: No, pass: Limited, vf: No}, Limited, "few ARM64 boards"},
		"arm-board":       {map[string]Answer{kvm: Yes, basic: Yes, nest: No, pass: No, vf: No}, No, "no SMMU"},
		"hybrid":          {map[string]Answer{kvm: No, basic: Limited, nest: No, pass: No, vf: No}, No, "itself a VM"},
		"container":       {map[string]Answer{kvm: No, basic: Yes, nest: Yes, pass: No, vf: No}, No, "VT-d"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Check(asked(machine(t, name)))
			for row, answer := range want.rows {
				table := catalogue.CPUFeatures
				if row == kvm {
					table = catalogue.OperatingSystems
				}
				if got := r.row(t, table, row, ""); got.Answer != answer {
					t.Errorf("%s: %+v", row, got)
				}
			}
			if got := r.feature(t, catalogue.GPUPassthrough); got.Answer != want.gpu || !strings.Contains(got.Why, want.says) {
				t.Errorf("GPU: %+v", got.Verdict)
			}
		})
	}
}

func TestEveryRowEveryFeatureAndEveryNeedHasAVerdict(t *testing.T) {
	c := catalogue.Default()
	for name, f := range everyMachine(t) {
		r := Check(f)
		for _, table := range c.Tables() {
			for _, row := range table.Rows {
				n := 0
				for _, got := range r.Rows {
					if got.Table == table.Name && got.Row == row.Name {
						n++
					}
				}
				want := 1 // this host's column
				if table.Name == catalogue.StorageBackends || table.Name == catalogue.Hypervisors {
					want = len(table.Columns)
				}
				if n != want {
					t.Errorf("%s: %s × %s has %d verdicts, want %d", name, table.Name, row.Name, n, want)
				}
			}
		}
		for _, ft := range c.All() {
			got := r.feature(t, ft.ID)
			for _, n := range ft.Needs {
				if !slices.ContainsFunc(got.Needs, func(g Need) bool { return g.Need == n && g.Of == "" }) {
					t.Errorf("%s: %s says nothing of %s", name, ft.ID, n)
				}
			}
		}
		r.each(func(what string, v Verdict) {
			if v.Answer.Rank() < 0 || v.Why == "" || (v.Answer == No || v.Answer == Limited) && v.Remedy == "" {
				t.Errorf("%s: %s: %+v", name, what, v)
			}
		})
	}
}

// each calls what with every verdict of the report.
func (r Report) each(what func(string, Verdict)) {
	for _, row := range r.Rows {
		what(string(row.Table)+" "+row.Row+" "+row.Column, row.Verdict)
	}
	for _, f := range r.Features {
		what(string(f.ID), f.Verdict)
		for _, n := range f.Needs {
			what(string(f.ID)+" needs "+string(n.Need), n.Verdict)
		}
	}
	for _, d := range r.Devices {
		what(d.Address, d.Verdict)
	}
}

func TestOfAHostThatWasNotAskedNothingIsClaimed(t *testing.T) {
	Check(host.Facts{}).each(func(what string, v Verdict) {
		// A no that holds for every host stands in a table: S3 and foreign hypervisors.
		if v.Answer == Yes || v.Answer == No && !strings.Contains(what, "S3") && !strings.HasPrefix(what, string(catalogue.Hypervisors)) {
			t.Errorf("%s: %+v", what, v)
		}
	})
}

func TestTheTableOfCPUsSaysTheSame(t *testing.T) {
	answer := map[catalogue.Mark]Answer{catalogue.Full: Yes, catalogue.Limits: Limited, catalogue.Nothing: No}
	for name, f := range everyMachine(t) {
		if f.IOMMU.OK && f.IOMMU.Kind == "" {
			t.Fatal(name, " has an IOMMU of no kind")
		}
		el2 := f.CPU.EL2 != nil && f.CPU.EL2.OK
		facts := catalogue.CPUFacts{Platform: Platform(f), SMMU: &f.IOMMU.OK, Has: map[catalogue.CPUFeature]bool{
			catalogue.VTx: f.CPU.VTx, catalogue.AMDV: f.CPU.AMDV, catalogue.ARM64: el2,
			catalogue.VTd: f.IOMMU.OK && f.IOMMU.Kind == host.VTd, catalogue.AMDVi: f.IOMMU.OK && f.IOMMU.Kind == host.AMDVi,
		}}
		for _, use := range []catalogue.CPUUse{catalogue.BasicVirtualization, catalogue.Passthrough} {
			_, got := cpuRow(catalogue.Default(), use, f)
			if want := answer[catalogue.Default().CPUVerdict(use, facts).Mark]; got.Answer != want {
				t.Errorf("%s: %s is %+v, and by the table %s", name, use, got, want)
			}
		}
	}
}

func TestAReportIsReadBackAsItWas(t *testing.T) {
	for name, f := range everyMachine(t) {
		r := Check(asked(f))
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var again Report
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, again); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(r, Check(again.Facts)); d != "" {
			t.Errorf("%s: from its own facts another report: %s", name, d)
		}
	}
}

func TestOneFeatureIsShownWithWhatPlaysAPart(t *testing.T) {
	r := Check(asked(machine(t, "intel-server"))).Only(catalogue.GPUPassthrough)
	if len(r.Features) != 1 || len(r.Rows) != 1 || len(r.Devices) != 2 {
		t.Errorf("%d features, %d rows, devices %+v", len(r.Features), len(r.Rows), r.Devices)
	}
	if r.Facts.Name != "server" {
		t.Error("the facts are gone: what is printed is an input elsewhere")
	}
}

func BenchmarkCheck(b *testing.B) {
	f := asked(machine(b, "intel-server"))
	for b.Loop() {
		Check(f)
	}
}
