package declaration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFactsAreReadFromAFileOrFromTheAnswerOfADaemon(t *testing.T) {
	for _, text := range []string{`{"version": 1, "cpus": 4}`, `{"kind": "host", "version": "v0.1.0", "facts": {"version": 1, "cpus": 4}}`} {
		f, err := Facts(t.Context(), session.New(session.World{Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }}), file(t, text))
		if err != nil || f.CPUs != 4 {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
	}
	for text, says := range map[string]string{
		`{"version": 2}`: "this hv reads 1", `{`: "cannot read the facts", `[]`: "cannot read the facts",
		`{"version": 1, "x": "` + strings.Repeat("x", maxInput) + `"}`: "it has more than",
	} {
		if _, err := Facts(t.Context(), session.New(session.World{Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }}), file(t, text)); err == nil || !strings.Contains(err.Error(), says) || report.CodeOf(err) != report.Misused {
			t.Errorf("%.40s: %v", text, err)
		}
	}
	if f, err := Facts(t.Context(), session.New(session.World{Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }}), "self"); err != nil || f.OS == "" {
		t.Errorf("self: %+v, %v", f, err)
	}
}

func TestPlacesAreNamedAsTheUserWould(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("hypervisor:\n  vms:\n    web: {cpus: 2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(dir))
	for _, path := range []string{filepath.Join(dir, "a.yaml"), filepath.Join(filepath.Base(dir), "a.yaml"), "./" + filepath.Base(dir) + "/a.yaml"} {
		d, err := read(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		at := d.Sources.At("hypervisor.vms.web.cpus")
		if at.File != filepath.Clean(path) || at.Line != 3 {
			t.Errorf("%s: %s", path, at)
		}
	}
	t.Chdir(dir)
	if d, err := read(t.Context(), "a.yaml"); err != nil || d.Sources.At("hypervisor.vms.web.cpus").File != "a.yaml" {
		t.Errorf("%v, %v", d.Sources, err)
	}
}

func TestStdinIsBounded(t *testing.T) {
	endless := session.New(session.World{In: endless{}, Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Env: func(string) string { return "" }})
	if _, _, err := VMs(t.Context(), endless, "-"); err == nil || report.CodeOf(err) != report.Misused {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "x"), nil }

func TestAPlanSaysOfEachFieldWhatItWasAndIs(t *testing.T) {
	var b bytes.Buffer
	tellChanges(screen.Of(&b, screen.Never, true), []wire.Change{
		{Path: "hypervisor.featureManager.extraFeatures", Kind: "added", New: "snapshots"},
		{Path: "hypervisor.host.name", Kind: "changed", Old: "a", New: "y\x1b[31m"},
		{Path: "hypervisor.vms.app", Kind: "added", New: map[string]any{"name": "app", "memory": 64.0 * (1 << 20), "nics": map[string]any{"lan": map[string]any{"network": "user"}}}},
		{Path: "hypervisor.vms.old", Kind: "removed", Old: map[string]any{"name": "old", "cpus": 2.0}},
		{Path: "hypervisor.vms.web.autostart", Kind: "added", New: true},
		{Path: "hypervisor.vms.web.cpu", Kind: "removed", Old: map[string]any{"model": "max", "features": map[string]any{"avx2": false}}},
		{Path: "hypervisor.vms.web.description", Kind: "changed", Old: strings.Repeat("x", 200), New: "short"},
		{Path: `hypervisor.vms.web.labels."a.b"`, Kind: "changed", Old: "c", New: "d"},
		{Path: "hypervisor.vms.web.memory", Kind: "changed", Old: 64.0 * (1 << 20), New: 96.0 * (1 << 20)},
		{Path: "hypervisor.vms.web.startup.after", Kind: "removed", Old: "db"},
	})
	want := `+ hypervisor.featureManager.extraFeatures has "snapshots"
~ hypervisor.host.name: "a" → "y\u001b[31m"
+ vm app
+     memory = 64MiB
+     nics.lan.network = "user"
- vm old
~ vm web
+     autostart = true
-     cpu.features.avx2 = false
-     cpu.model = "max"
~     description: "` + strings.Repeat("x", 49) + "…" + strings.Repeat("x", 48) + `" → "short"
~     labels."a.b": "c" → "d"
~     memory: 64MiB → 96MiB
-     startup.after has "db"
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}

func TestTheVerdictOfACheck(t *testing.T) {
	for _, c := range []struct {
		worst  finding.Severity
		strict bool
		want   report.Code
	}{
		{finding.Refused, false, report.Refused}, {finding.Unavailable, false, report.Done}, {finding.Unavailable, true, report.Refused},
		{finding.Limited, true, report.Refused}, {finding.Consequence, true, report.Done}, {finding.Advice, true, report.Done},
	} {
		if got := verdict(finding.List{{Severity: finding.Advice}, {Severity: c.worst}}, c.strict); got != c.want {
			t.Errorf("%s, strict %v: %d", c.worst, c.strict, got)
		}
	}
}

func TestFindingsOfTheDaemonGetTheirPlaceAndTheLineThere(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"a.nix": "{\n  hypervisor.vms.web = { cpus = 64; };\n}\n", "b.nix": "secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := finding.Position{File: "b.nix", Line: 1, Column: 1}
	sources := config.SourceMap{"hypervisor.vms.web": {File: "a.nix", Line: 2, Column: 3}}
	l := finding.List{{Path: "hypervisor.vms.web.cpus"}, {Path: "hypervisor.vms.web", Position: finding.Position{File: "/elsewhere/a.nix", Line: 9, Column: 9}}, {}, {Position: other}}
	Locate(l, sources)
	if l[0].Position.String() != "a.nix:2:3" || l[1].Position.String() != "a.nix:2:3" || l[2].Position != (finding.Position{}) || l[3].Position != other {
		t.Errorf("%+v", l)
	}
	if want := "    2 |   hypervisor.vms.web = { cpus = 64; };\n      |   ^"; l[0].Excerpt != want || l[1].Excerpt != want {
		t.Errorf("%q", l[0].Excerpt)
	}
	if l[3].Excerpt != "" {
		t.Error("a file that was not read is shown")
	}
}

func TestAnEvaluationEndsWithItsCall(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(report.ErrInterrupted)
	long := file(t, "")
	if err := os.WriteFile(strings.TrimSuffix(long, "json")+"nix", []byte("builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: x) 400000)"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(ctx, strings.TrimSuffix(long, "json")+"nix"); report.CodeOf(err) != report.Interrupted {
		t.Errorf("%v", err)
	}
}

func TestAPlanOfThousandsTellsTheFirstAndHowManyMore(t *testing.T) {
	var b bytes.Buffer
	s := session.New(session.World{Out: &b, Err: &b, Env: func(string) string { return "" }})
	p := wire.Preview{Config: &wire.ConfigPlan{Generation: 1}}
	for i := range 4000 {
		name := fmt.Sprintf("vm-%d", i)
		p.Changes = append(p.Changes, wire.Change{Path: "hypervisor.vms." + name, Kind: "added", New: 1})
		p.Config.VMs = append(p.Config.VMs, wire.PlannedVM{Name: name, Becomes: wire.Created})
	}
	tellPlan(s, s.Out, p)
	out := b.String()
	if n := strings.Count(out, "\n"); n > 250 || !strings.Contains(out, "… and 3950 changes more") || !strings.Contains(out, "VMs: 3900 more that change") {
		t.Errorf("%d lines, ending %q", n, out[max(0, len(out)-300):])
	}
}

func TestOneVMIsOne(t *testing.T) {
	for n, want := range map[int]string{0: "0 declared VMs are as they", 1: "1 declared VM is as it is declared, 3 made by hand", 2: "2 declared VMs are as they"} {
		if got := asDeclared(n, 3); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
