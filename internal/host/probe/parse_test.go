package probe

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

func TestListsOfCPUsAreCounted(t *testing.T) {
	for list, want := range map[string]int{
		"0": 1, "0-3": 4, "0-3,8": 5, "0,2-3,10-11": 5,
		"": 0, "a": 0, "3-1": 0, "0-": 0, "-1": 0, "0-99999999": 0, "0,,1": 0, strings.Repeat("0-60000,", 3) + "0": 0,
	} {
		if got := countList(list); got != want {
			t.Errorf("%.40q: %d, want %d", list, got, want)
		}
	}
}

func TestMemoryIsWhatTheKernelManages(t *testing.T) {
	for text, want := range map[string]model.Bytes{
		"MemTotal:       24684084 kB\nMemFree: 1 kB\n": 24684084 * model.KiB,
		"": 0, "MemFree: 1 kB\n": 0, "MemTotal: x kB\n": 0, "MemTotal: 1 MB\n": 0, "MemTotal: -1 kB\n": 0, "MemTotal: 9223372036854775807 kB\n": 0,
	} {
		if got := parseMemory(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestAProcessorIsWhatTheFirstOneSays(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want *host.CPU
	}{
		"nothing":  {"", nil},
		"intel":    {"vendor_id\t: GenuineIntel\nmodel name\t: X\nflags\t\t: fpu vmx sse\n\nvendor_id: Other\n", &host.CPU{Vendor: "GenuineIntel", Model: "X", VTx: true}},
		"no flag":  {"vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm_lock\n", &host.CPU{Vendor: "AuthenticAMD"}},
		"arm64":    {"processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0xc0\n", &host.CPU{Vendor: "Ampere"}},
		"new arm":  {"CPU implementer\t: 0x99\n", &host.CPU{Vendor: "0x99"}},
		"no words": {"no colon\nflags: svm\n", nil},
	} {
		if d := cmp.Diff(c.want, parseCPU(c.text)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestHierarchiesOfControlGroups(t *testing.T) {
	const v2, v1, named = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n", "cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n"
	for mounts, want := range map[string][2]string{
		"proc /proc proc rw 0 0\nshort\n": {"", cgroupNone},
		v1 + named:                        {"", cgroupV1},
		v2:                                {"sys/fs/cgroup", cgroupV2},
		v2 + named:                        {"sys/fs/cgroup", cgroupV2},
		v1 + strings.ReplaceAll(v2, "/sys/fs/cgroup ", "/sys/fs/cgroup/unified "): {"sys/fs/cgroup/unified", cgroupHybrid},
		"cgroup2 /../x cgroup2 rw 0 0\n":                                          {"", cgroupNone},
	} {
		if top, mode := hierarchy(mounts); top != want[0] || mode != want[1] {
			t.Errorf("%q: %s %s", mounts, top, mode)
		}
	}
}

// FuzzParsers holds that no file of the kernel's can make a prober panic or say what cannot be.
func FuzzParsers(f *testing.F) {
	f.Add("vendor_id\t: GenuineIntel\nflags\t: vmx\n")
	f.Add("MemTotal:  24684084 kB\n")
	f.Add("0-3,8\n")
	f.Add("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\ncgroup /x cgroup rw,cpu 0 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		parseCPU(text)
		if m := parseMemory(text); m < 0 {
			t.Errorf("memory is %d", m)
		}
		if n := countList(text); n < 0 || n > maxCPUs {
			t.Errorf("%d CPUs", n)
		}
		if top, mode := hierarchy(text); top != "" && !fs.ValidPath(top) || mode == "" {
			t.Errorf("%q %q", top, mode)
		}
	})
}
