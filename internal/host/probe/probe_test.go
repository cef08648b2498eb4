package probe

import (
	"context"
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

var update = flag.Bool("update", false, "write testdata anew")

// probed runs every prober over the fixture, whatever system the test runs on.
func probed(root fs.FS, arch string) host.Facts {
	f := host.Facts{Version: host.Version, OS: "linux", Arch: arch}
	for _, probe := range probers {
		probe(root, &f)
	}
	uefi(root, &f, nil)
	return f
}

func TestMachinesComeOutAsTheyWereReviewed(t *testing.T) {
	machines, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(machines) == 0 {
		t.Fatal("no fixture: ", err)
	}
	for _, file := range machines {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			arch := "x86_64"
			if strings.HasPrefix(name, "arm") {
				arch = "aarch64"
			}
			got, err := json.MarshalIndent(probed(readMachine(t, file), arch), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
				t.Error(d)
			}
			again := host.Facts{}
			if err := json.Unmarshal(want, &again); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(probed(readMachine(t, file), arch), again); d != "" {
				t.Errorf("it is read back otherwise: %s", d)
			}
		})
	}
}

func TestWhatCannotBeFoundOutStaysUnknown(t *testing.T) {
	got := probed(fstest.MapFS{}, "x86_64")
	for _, tool := range []*host.Tool{got.Passt, got.Nginx, got.NFT} {
		if tool.OK() || !strings.HasSuffix(tool.Why, "is not installed") {
			t.Errorf("%+v", tool)
		}
	}
	if got.IOMMU == nil || got.IOMMU.OK {
		t.Errorf("iommu is %+v", got.IOMMU)
	}
	if len(got.UEFI) != 3 || slices.ContainsFunc(got.UEFI, host.UEFI.OK) {
		t.Errorf("uefi is %+v", got.UEFI)
	}
	if got.KVMDevice == nil || got.KVMDevice.Present || got.KVMDevice.Usable != "nobody" {
		t.Errorf("kvm is %+v", got.KVMDevice)
	}
	if got.PCI != nil || got.Layout != nil || got.CPU != nil || len(got.Modules) != 0 || got.Storage.QEMUImg.OK() || got.ContainerRuntime.OK() {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff(&host.Platform{}, got.Platform); d != "" {
		t.Error(d)
	}
	got.Passt, got.Nginx, got.NFT, got.IOMMU, got.UEFI, got.KVMDevice, got.Modules = nil, nil, nil, nil, nil, nil, nil
	got.Storage, got.ContainerRuntime, got.Platform = nil, nil, nil
	if d := cmp.Diff(host.Facts{Version: host.Version, OS: "linux", Arch: "x86_64"}, got); d != "" {
		t.Error(d)
	}
}

func TestThisHostKnowsItself(t *testing.T) {
	f := Self(t.Context(), os.DirFS("/"))
	if f.OS != runtime.GOOS || f.Arch == "" || f.QEMU != nil || f.KVM != nil {
		t.Errorf("%+v", f)
	}
	if f.OS == "linux" && (f.CPUs < 1 || f.Memory < 64*model.MiB || f.BootID == "" || f.CPU == nil || f.Cgroup == nil || f.Passt == nil || f.Platform == nil || f.IOMMU == nil) {
		t.Errorf("%+v", f)
	}
}

func TestNobodyWaitsForFactsThatNobodyWants(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := Self(ctx, fstest.MapFS{}); f.OS != runtime.GOOS || f.Passt != nil {
		t.Errorf("%+v", f)
	}
}

func TestArchitecturesHaveQEMUsNames(t *testing.T) {
	for goarch, want := range map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "riscv64": "riscv64", "ppc64le": "ppc64", "loong64": "loongarch64"} {
		if got := qemuArch(goarch); got != want {
			t.Errorf("%s is %s", goarch, got)
		}
	}
}

func TestAProgramMustBeOne(t *testing.T) {
	for name, c := range map[string]struct {
		file *fstest.MapFile
		want host.Tool
	}{
		"a program":     {&fstest.MapFile{Mode: 0o755}, host.Tool{Path: "/usr/sbin/nft"}},
		"a plain file":  {&fstest.MapFile{Mode: 0o644}, host.Tool{Path: "/usr/sbin/nft", Why: "/usr/sbin/nft is no program"}},
		"a folder":      {&fstest.MapFile{Mode: fs.ModeDir | 0o755}, host.Tool{Path: "/usr/sbin/nft", Why: "/usr/sbin/nft is no program"}},
		"another thing": {nil, host.Tool{Why: "/usr/sbin/nft is not installed"}},
	} {
		root := fstest.MapFS{"usr/sbin/other": {}}
		if c.file != nil {
			maps.Copy(root, fstest.MapFS{nftPath: c.file})
		}
		if d := cmp.Diff(&c.want, tool(root, nftPath)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
