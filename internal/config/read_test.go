package config

import (
	"errors"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

var examples = os.DirFS("../../examples")

func theFirstVM() vm.Definition {
	return vm.Definition{Name: "first", Spec: vm.Spec{
		Description: "the first VM", CPUs: 1, Memory: 256 * model.MiB,
		Boot:  &vm.Boot{Kernel: "tiny-kernel", Initrd: "tiny-initrd", Cmdline: "console=ttyS0 quiet panic=-1"},
		Disks: map[string]vm.Disk{"data": {Volume: "first-data"}},
		NICs:  map[string]vm.NIC{"lan": {Network: "user"}},
	}}
}

func TestTheFormsOfOneVMAreEqual(t *testing.T) {
	for _, name := range firstVMs {
		got, sources, err := ReadVMs(t.Context(), examples, name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff([]vm.Definition{theFirstVM()}, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if found := CheckVMs(got, sources, aHost(), feature.Resolution{}); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
		at := sources.At("hypervisor.vms.first.disks.data.volume")
		text, err := os.ReadFile("../../examples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		if at.File != name || at.Line > len(lines) || !strings.Contains(lines[at.Line-1], "first-data") {
			t.Errorf("%s: the volume does not stand at %s", name, at)
		}
	}
}

func TestAFileThatIsNotThereIsNotFound(t *testing.T) {
	_, err := Read(t.Context(), fstest.MapFS{}, "host.json")
	if !errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), `cannot read "host.json"`) {
		t.Error(err)
	}
	_, err = Read(t.Context(), fstest.MapFS{"host.toml": {}}, "host.toml")
	if !errors.Is(err, fault.Unreadable) || !strings.Contains(fault.HintOf(err), ".yaml") {
		t.Error(err)
	}
	_, err = ReadString(t.Context(), "toml", "x", "")
	if !errors.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func TestAFileThatIsTooLargeIsNotRead(t *testing.T) {
	for _, name := range []string{"host.nix", "host.json", "host.yaml"} {
		files := fstest.MapFS{name: {Data: []byte(strings.Repeat(" ", tree.MaxFile+1))}}
		_, err := Read(t.Context(), files, name)
		if !errors.Is(err, fault.Unreadable) || !strings.Contains(err.Error(), "1MiB") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingDeclaredIsADeclaration(t *testing.T) {
	for format, text := range map[Format]string{Nix: `{ }`, JSON: `{}`, YAML: `hypervisor: {}`} {
		d, err := ReadString(t.Context(), format, "host", text)
		if err != nil || len(d.VMs) != 0 || d.FeatureManager.EnabledFeatures != nil {
			t.Errorf("%s: %+v, %v", format, d, err)
		}
	}
}

func TestAnEmptyListOfFeaturesIsNotAnAbsentOne(t *testing.T) {
	d, err := ReadString(t.Context(), JSON, "host.json", `{"hypervisor": {"featureManager": {"enabledFeatures": []}}}`)
	if err != nil || d.FeatureManager.EnabledFeatures == nil || len(*d.FeatureManager.EnabledFeatures) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestAVMIsReadAloneOrOutOfADeclaration(t *testing.T) {
	got, sources, err := ReadVMsString(t.Context(), YAML, "host.yaml", "hypervisor:\n  vms:\n    b: {cpus: 2}\n    a: {}\n")
	if err != nil || len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" || got[1].CPUs != 2 {
		t.Fatal(got, err)
	}
	if at := sources.At("hypervisor.vms.b.cpus"); at != (finding.Position{File: "host.yaml", Line: 3, Column: 15}) {
		t.Errorf("b's cpus stand at %s", at)
	}
	for name, text := range map[string]string{"no VM": "hypervisor: {}", "no set": "[1]", "unknown key": "name: a\ncpu: 2\n"} {
		var p *Problems
		if _, _, err := ReadVMsString(t.Context(), YAML, "x.yaml", text); !errors.As(err, &p) || len(p.List) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAliasStandsForItsAnchor(t *testing.T) {
	got, _, err := ReadVMsString(t.Context(), YAML, "x.yaml", "hypervisor:\n  vms:\n    a: &small {cpus: 3}\n    b: *small\n")
	if err != nil || len(got) != 2 || got[1].CPUs != 3 || got[1].Name != "b" {
		t.Error(got, err)
	}
}

func TestTextThatWouldTakeTooLongIsRefused(t *testing.T) {
	for name, in := range map[string]struct {
		format Format
		text   string
	}{
		"json":          {JSON, strings.Repeat("[", 200_000)},
		"json values":   {JSON, "[" + strings.Repeat("1,", tree.MaxNodes+1)},
		"nix values":    {Nix, "{ a = builtins.genList (x: x) 100001; }"},
		"nix depth":     {Nix, "{ a = " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "; }"},
		"yaml brackets": {YAML, strings.Repeat("[", 200_000)},
		"yaml dashes":   {YAML, strings.Repeat("- ", 9_000)},
		"yaml words":    {YAML, strings.Repeat("abc: def\n", 20_000)},
		"yaml bytes":    {YAML, strings.Repeat("# abc\n", 100_000)},
		"a yaml line":   {YAML, "a: " + strings.Repeat("<", 10_000)},       // 1 MiB of these took the lexer three minutes
		"yaml lines":    {YAML, "a: |\n " + strings.Repeat("\n", 10_000)},  // 128 KiB of these, a minute
		"old mac lines": {YAML, "a: |\n " + strings.Repeat(" \r", 10_000)}, // the same
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadString(t.Context(), in.format, "x", in.text)
			var p *Problems
			if !errors.As(err, &p) || p.List[0].Code != tree.CodeBounds {
				t.Error(err)
			}
		})
	}
}

func TestAHundredProblemsAreListedAndTheRestCounted(t *testing.T) {
	text := "{\"hypervisor\": {" + strings.Repeat("\"x\": 1, ", 300) + "\"vms\": {}}}"
	_, err := ReadString(t.Context(), JSON, "x.json", text)
	var p *Problems
	if !errors.As(err, &p) || len(p.List) != tree.MaxProblems || p.Dropped != 199 {
		t.Fatal(err)
	}
	if !strings.HasSuffix(p.Detail(), "… and 199 more") || !strings.HasSuffix(err.Error(), "(and 298 more)") {
		t.Error(err)
	}
}

func TestAControlCharacterIsToBeRemoved(t *testing.T) {
	for _, text := range []string{`{"hypervisor": {"vms": {"web": {"labels": {"a": "b\u0007"}}}}}`, `{"hypervisor": {"vms": {"web": {"labels": {"a\u0007": "b"}}}}}`} {
		_, err := ReadString(t.Context(), JSON, "x.json", text)
		if !strings.HasPrefix(fault.HintOf(err), "remove the character") {
			t.Errorf("%s: %v, try: %s", text, err, fault.HintOf(err))
		}
	}
	_, err := ReadString(t.Context(), JSON, "x.json", `{"hypervisor": {"vms": {"web": {"labels": {"a": "`+strings.Repeat("b", maxText+1)+`"}}}}}`)
	if !strings.HasPrefix(fault.HintOf(err), "leave out what the host does not need") {
		t.Errorf("%v, try: %s", err, fault.HintOf(err))
	}
}
