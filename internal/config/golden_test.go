package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

var update = flag.Bool("update", false, "write golden files and the published schema")

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// aHost is a small host whose KVM does not work.
func aHost() host.Facts {
	return host.Facts{
		Version: host.Version, OS: "linux", Arch: "x86_64", CPUs: 4, Memory: 8 * model.GiB,
		CPU: &host.CPU{Vendor: "AuthenticAMD", AMDV: true},
		KVM: &host.Verdict{Why: "/dev/kvm opens, and the probe VM did not end in 1 s"},
		QEMU: &host.QEMU{Path: "/usr/bin/qemu-system-x86_64", Arch: "x86_64", Version: "7.2.22",
			Machines: []host.Machine{{Name: "pc-q35-7.2", Alias: "q35", CPUs: 288}}},
	}
}

func findings(l finding.List) string {
	var b strings.Builder
	for _, f := range l {
		if f.Severity != finding.Refused && strings.HasPrefix(f.Code, "HV-FEAT") {
			continue // those are feature's to word
		}
		fmt.Fprintf(&b, "%s: %s: %s  %s\n", f.Position, f.Severity, f.What, f.Code)
		if f.Why != "" {
			fmt.Fprintf(&b, "  because %s\n", f.Why)
		}
		if f.Remedy != "" {
			fmt.Fprintf(&b, "  try: %s\n", f.Remedy)
		}
	}
	return b.String()
}

// Every file of testdata/refused is refused with the text beside it: by reading, or on aHost.
func TestWhatIsWrongIsToldWithItsPlaceAndTheNextStep(t *testing.T) {
	files, err := filepath.Glob("testdata/refused/*")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no files")
	}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasSuffix(name, ".golden") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			d, err := Read(t.Context(), os.DirFS("testdata/refused"), name)
			got := ""
			var p *Problems
			switch {
			case errors.As(err, &p):
				got = fmt.Sprintf("cannot be read (%s): %s\n\n%s\n", p.Kind, err, p.Detail())
			case err != nil:
				t.Fatal(err)
			default:
				r := Check(d, aHost())
				if !r.Refused() {
					t.Error("nothing refuses it")
				}
				got = findings(r.Findings)
			}
			golden(t, file+".golden", got)
		})
	}
}
