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
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

var update = flag.Bool("update", false, "write testdata anew")

// probed runs every prober over the fixture, whatever system the test runs on.
func probed(root fs.FS) host.Facts {
	f := host.Facts{Version: host.Version, OS: "linux", Arch: "x86_64"}
	for _, probe := range probers {
		probe(root, &f)
	}
	return f
}

func TestHostsComeOutAsTheyWereReviewed(t *testing.T) {
	hosts, err := filepath.Glob("testdata/hosts/*")
	if err != nil || len(hosts) == 0 {
		t.Fatal("no fixture: ", err)
	}
	for _, dir := range hosts {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got, err := json.MarshalIndent(probed(withExtras(t, dir)), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", filepath.Base(dir)+".json")
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
		})
	}
}

// withExtras is the fixture in dir with what a source tree cannot hold: programs and folders of symlinks, one path
// a line in its file "extras".
func withExtras(t *testing.T, dir string) fs.FS {
	t.Helper()
	root := fstest.MapFS{}
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		root[path] = &fstest.MapFile{Data: data, Mode: 0o444}
		return err
	}
	if err := fs.WalkDir(os.DirFS(dir), ".", walk); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(root["extras"].Data)) {
		root[line] = &fstest.MapFile{Mode: 0o755}
	}
	return root
}

func TestWhatCannotBeFoundOutStaysUnknown(t *testing.T) {
	got := probed(fstest.MapFS{})
	for _, tool := range []*host.Tool{got.Passt, got.Nginx, got.NFT} {
		if tool.OK() || !strings.HasSuffix(tool.Why, "is not installed") {
			t.Errorf("%+v", tool)
		}
	}
	if got.IOMMU == nil || got.IOMMU.OK {
		t.Errorf("iommu is %+v", got.IOMMU)
	}
	if len(got.UEFI) != 2 || got.UEFI[0].OK() || got.UEFI[1].OK() {
		t.Errorf("uefi is %+v", got.UEFI)
	}
	got.Passt, got.Nginx, got.NFT, got.IOMMU, got.UEFI = nil, nil, nil, nil, nil
	if d := cmp.Diff(host.Facts{Version: host.Version, OS: "linux", Arch: "x86_64"}, got); d != "" {
		t.Error(d)
	}
}

func TestThisHostKnowsItself(t *testing.T) {
	f := Self(t.Context(), os.DirFS("/"))
	if f.OS != runtime.GOOS || f.Arch == "" || f.QEMU != nil || f.KVM != nil {
		t.Errorf("%+v", f)
	}
	if f.OS == "linux" && (f.CPUs < 1 || f.Memory < 64*model.MiB || f.BootID == "" || f.CPU == nil || f.Cgroup == nil || f.Passt == nil) {
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
