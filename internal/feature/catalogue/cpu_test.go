package catalogue

import (
	"slices"
	"strings"
	"testing"
)

func x86(has ...CPUFeature) CPUFacts {
	f := CPUFacts{Platform: LinuxX86, Has: map[CPUFeature]bool{VTx: false, AMDV: false, VTd: false, AMDVi: false}}
	for _, h := range has {
		f.Has[h] = true
	}
	return f
}

func arm(el2 bool, smmu, nv2 *bool) CPUFacts {
	return CPUFacts{Platform: LinuxARM, Has: map[CPUFeature]bool{ARM64: el2}, SMMU: smmu, NV2: nv2}
}

// Decision 12: passthrough needs (VT-x or AMD-V) and (VT-d or AMD-Vi); without VT VMs run by emulation.
func TestTheCPUTableGivesAHostItsVerdict(t *testing.T) {
	there, gone := true, false
	for name, c := range map[string]struct {
		facts CPUFacts
		want  string // basic, nested, passthrough, SR-IOV
	}{
		"Intel with VT-d":           {x86(VTx, VTd), "✅ ✅ ✅ ✅"},
		"AMD with AMD-Vi":           {x86(AMDV, AMDVi), "✅ ✅ ✅ ✅"},
		"Intel, VT-d off":           {x86(VTx), "✅ ✅ ❌ ❌"},
		"AMD, no IOMMU":             {x86(AMDV), "✅ ✅ ❌ ❌"},
		"an IOMMU without VT":       {x86(VTd), "⚠️ ❌ ❌ ❌"},
		"nothing: a guest":          {x86(), "⚠️ ❌ ❌ ❌"},
		"ARM64 at EL2":              {arm(true, nil, nil), "✅ ⚠️ ⚠️ ❌"},
		"ARM64 with all it can get": {arm(true, &there, &there), "✅ ⚠️ ⚠️ ❌"},
		"ARM64 without SMMU, NV2":   {arm(true, &gone, &gone), "✅ ❌ ❌ ❌"},
		"ARM64 not at EL2":          {arm(false, &there, &there), "⚠️ ❌ ❌ ❌"},
	} {
		var got []string
		for _, use := range CPUUses() {
			v := Default().CPUVerdict(use, c.facts)
			got = append(got, v.Mark.Symbol())
			if !v.whole() {
				t.Errorf("%s, %s falls short without a reason and a remedy: %+v", name, use, v)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

func TestAVerdictNamesWhatGivesItAndWhatIsMissing(t *testing.T) {
	v := Default().CPUVerdict(Passthrough, x86(VTx))
	if !slices.Equal(v.By, []CPUFeature{VTx}) || !slices.Equal(v.Lacks, []CPUFeature{VTd, AMDVi}) ||
		!strings.Contains(v.Remedy, "intel_iommu=on") {
		t.Errorf("%+v", v)
	}
	both := Default().CPUVerdict(Passthrough, x86())
	if len(both.Lacks) != 4 || !strings.Contains(both.Reason, "VT-x") || !strings.Contains(both.Reason, "AMD-Vi") {
		t.Errorf("%+v", both)
	}
	basic := Default().CPUVerdict(BasicVirtualization, x86())
	if !strings.Contains(basic.Reason, "TCG") {
		t.Errorf("%+v", basic)
	}
}

func TestWhatWasNotAskedIsNoVerdict(t *testing.T) {
	v := Default().CPUVerdict(Passthrough, CPUFacts{Platform: LinuxX86, Has: map[CPUFeature]bool{VTx: true}})
	if v.Mark != Full || !slices.Equal(v.NotAsked, []CPUFeature{VTd, AMDVi}) {
		t.Errorf("%+v", v)
	}
	v = Default().CPUVerdict(BasicVirtualization, CPUFacts{Platform: LinuxARM})
	if v.Mark != Full || !slices.Equal(v.NotAsked, []CPUFeature{ARM64}) || v.By != nil {
		t.Errorf("%+v", v)
	}
	if v = Default().CPUVerdict(Nesting, x86(AMDV)); len(v.NotAsked) > 0 || len(v.Lacks) > 0 {
		t.Errorf("the IOMMU plays a part in nesting: %+v", v)
	}
}
