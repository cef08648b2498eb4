package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/test/built"
)

func TestOnlyDebiansOwnSourcesOfTheSuiteAreTaken(t *testing.T) {
	const targets = `deb http://mirror.example/debian/ bookworm main
deb http://mirror.example/debian/ bookworm-updates main
deb http://mirror.example/debian-security/ bookworm-security main
deb http://mirror.example/debian/ bookworm-backports main
deb http://mirror.example/debian/ trixie main
nonsense
`
	want := []string{
		"deb http://mirror.example/debian/ bookworm main",
		"deb http://mirror.example/debian/ bookworm-updates main",
		"deb http://mirror.example/debian-security/ bookworm-security main",
	}
	if d := cmp.Diff(want, readSources(targets, "bookworm")); d != "" {
		t.Error(d)
	}
}

func TestTheSuiteIsThisMachines(t *testing.T) {
	for text, want := range map[string]string{
		"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nVERSION_CODENAME=trixie\nID=debian\n": "trixie",
		"ID=debian\n":                         "",
		"ID=ubuntu\nVERSION_CODENAME=noble\n": "",
	} {
		if got, err := readSuite(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestEveryPackageHasTheVersionThatAptWouldInstall(t *testing.T) {
	show := []byte("Package: udev\nVersion: 252\nDescription: Version: 9\n\nPackage: dbus\nVersion: 1.14\n\nPackage: udev\nVersion: 1\n")
	got, err := readVersions(show, []string{"dbus", "udev"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"dbus=1.14", "udev=252"}, got); d != "" {
		t.Error(d)
	}
	if _, err := readVersions(show, []string{"passt"}); err == nil || !strings.Contains(err.Error(), "apt-get update") {
		t.Errorf("a package that apt does not know: %v", err)
	}
}

func TestThePartitionTableNamesTheDiskAndHoldsTheFileSystem(t *testing.T) {
	table := partitionTable()
	if id := table[440:444]; !slices.Equal(id, []byte{0x01, 0x00, 0x76, 0x68}) || rootArgument != "PARTUUID=68760001-01" {
		t.Errorf("disk % x, root=%s", id, rootArgument)
	}
	if start := table[454:458]; !slices.Equal(start, []byte{0, 8, 0, 0}) {
		t.Errorf("the partition starts at sector % x, not at 2048", start)
	}
	if table[510] != 0x55 || table[511] != 0xaa {
		t.Error("no boot signature: the kernel would see no table")
	}
}

func TestALabHasWhatItsTestsTakeForGranted(t *testing.T) {
	m := machine{
		name: "lab1", image: Image{Kernel: "/cache/vmlinuz"}, cpuinfo: []byte("cpu MHz\t\t: 2596.138\n"), cpus: 2, memory: 3072,
		folder: "/work", link: &Link{Folder: "/wire", Number: 1},
	}
	argv := strings.Join(m.argv(), " ")
	for what, words := range map[string]string{
		"emulation, whatever this machine has":         "-accel tcg,thread=multi -cpu max",
		"the clock told, not measured":                 "tsc_early_khz=2596138",
		"a timer that may be late":                     "no_timer_check",
		"a root that depends on no order":              "root=PARTUUID=68760001-01",
		"an IOMMU that remaps interrupts":              "intel-iommu,intremap=on",
		"and is on":                                    "intel_iommu=on",
		"a card to give away, behind a port":           "bus=port1,disable-legacy=on,iommu_platform=on",
		"virtual functions":                            "sriov_max_vfs=2",
		"an image that is not written":                 "driver=qcow2,node-name=root",
		"a wire to the other":                          "local.path=/wire/1,remote.type=unix,remote.path=/wire/2",
		"which of the two it is":                       "lab.host=1",
		"its name":                                     "systemd.hostname=lab1",
		"luggage that stays as it is":                  "node-name=in,file.driver=file,file.filename=/work/in.raw,read-only=on",
		"an end where a real machine would start anew": "-no-reboot",
	} {
		if !strings.Contains(argv, words) {
			t.Errorf("%s: no %q in\n%s", what, words, argv)
		}
	}
	m.link = nil
	if argv := strings.Join(m.argv(), " "); strings.Contains(argv, "dgram") || strings.Contains(argv, "lab.host") {
		t.Errorf("a lab on its own has a wire: %s", argv)
	}
}

func TestOnlyTheTestsThatTheTagBringsAreRunInTheLab(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a/a_test.go":          "//go:build lab\n\npackage a\n\nfunc TestA(t *testing.T) {}\nfunc TestMain(m *testing.M) {}\nfunc helper() {}\n",
		"a/unit_test.go":       "package a\n\nfunc TestUnit(t *testing.T) {}\n",
		"b/both_test.go":       "// A comment.\n\n//go:build e2e || (lab && linux)\n\npackage b\n\nfunc TestBoth(t *testing.T) {}\n",
		"b/not_test.go":        "//go:build !lab\n\npackage b\n\nfunc TestNot(t *testing.T) {}\n",
		"c/helper_test.go":     "//go:build lab\n\npackage c\n\nfunc helper() {}\n",
		"d/pair_test.go":       "//go:build labpair\n\npackage d\n\nfunc TestPair(t *testing.T) {}\n",
		"d/testdata/x_test.go": "//go:build lab\n\npackage x\n\nfunc TestX(t *testing.T) {}\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Find(root, "lab")
	if err != nil {
		t.Fatal(err)
	}
	want := []Package{{Dir: "a", Tests: []string{"TestA"}}, {Dir: "b", Tests: []string{"TestBoth"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheCacheGivesAnImageBackAndForgetsTheOldest(t *testing.T) {
	cache := t.TempDir()
	for age, key := range []string{"newest", "newer", "new", "old"} {
		dir := filepath.Join(cache, "lab", key)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"disk.raw": "", "vmlinuz": "", built.Manifest: `{"key":"` + key + `","recipe":"recipe of ` + key + `"}`} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		at := time.Date(2026, 1, 10-age, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(dir, built.Manifest), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if i, ok := anyCached(cache, "recipe of newer"); !ok || i.Key != "newer" || i.Disk != filepath.Join(cache, "lab", "newer", "disk.raw") {
		t.Errorf("got %+v, %v", i, ok)
	}
	if i, ok := anyCached(cache, "another recipe"); ok {
		t.Errorf("an image of another recipe was taken: %+v", i)
	}
	built.Forget(cache, kind, kept)
	for key, stays := range map[string]bool{"newest": true, "newer": true, "new": true, "old": false} {
		if _, err := Load(filepath.Join(cache, "lab", key)); (err == nil) != stays {
			t.Errorf("the image %s: %v", key, err)
		}
	}
}
