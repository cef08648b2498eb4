package probe

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

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
		"with SVE": {"Features\t: fp asimd sve\nCPU implementer\t: 0x41\n", &host.CPU{Vendor: "ARM", SVE: true}},
		"a VM":     {"vendor_id\t: AuthenticAMD\nflags\t: fpu hypervisor\n", &host.CPU{Vendor: "AuthenticAMD", Hypervisor: true}},
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

func TestRoutesAreThoseOfTheHostOrNotKnown(t *testing.T) {
	const heading = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
	const lo, eno1 = "    lo:    1200      10    0    0    0     0          0         0     1200      10\n", "  eno1: 99 1 0 0 0 0 0 0 99 1\n"
	const route4 = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neno1\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n"
	const near4 = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neno1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
	const zero = "00000000000000000000000000000000"
	const route6 = zero + " 00 " + zero + " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eno1\n"
	const reject6 = zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200       lo\n"
	yes, no := true, false
	for name, c := range map[string]struct {
		devices, four, six string
		want               *bool
	}{
		"IPv4":               {heading + lo + eno1, route4, "", &yes},
		"IPv6":               {heading + lo + eno1, near4, route6, &yes},
		"no way":             {heading + lo + eno1, near4, reject6, &no},
		"another's network":  {heading + lo, near4, reject6, nil},
		"nothing is to read": {"", "", "", nil},
	} {
		root := fstest.MapFS{
			"proc/self/net/dev": {Data: []byte(c.devices)}, "proc/self/net/route": {Data: []byte(c.four)}, "proc/self/net/ipv6_route": {Data: []byte(c.six)},
		}
		if d := cmp.Diff(c.want, defaultRoute(root)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestAModuleIsWhatTheKernelAndItsFilesSay(t *testing.T) {
	f := host.Facts{Kernel: "6.1.0"}
	root := fstest.MapFS{
		"boot/config-6.1.0":       {Data: []byte("CONFIG_KVM=m\nCONFIG_TUN=y\nCONFIG_VFIO_PCI=m\n# CONFIG_VHOST_NET is not set\n")},
		"sys/module/kvm/refcnt":   {},
		"sys/module/zfs/version":  {},
		"lib/modules/other/x.dep": {},
	}
	state := func(name string) host.ModuleState { modules(root, &f); return f.Module(name) }
	for name, want := range map[string]host.ModuleState{
		"kvm": host.ModuleLoaded, "tun": host.ModuleLoaded, "zfs": host.ModuleLoaded, "vfio_pci": host.ModuleInstalled, "vhost_net": host.ModuleAbsent,
	} {
		if got := state(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	// Where modprobe would look counts more than how the kernel was built.
	root["lib/modules/6.1.0/modules.dep"] = &fstest.MapFile{Data: []byte("kernel/drivers/vhost/vhost_net.ko.zst:\n")}
	for name, want := range map[string]host.ModuleState{"vfio_pci": host.ModuleAbsent, "vhost_net": host.ModuleInstalled} {
		if got := state(name); got != want {
			t.Errorf("with a list of modules %s is %q", name, got)
		}
	}
	f.Kernel = "../6.1.0"
	if got := state("vfio_pci"); got != "" {
		t.Errorf("a release with a slash is looked up: %q", got)
	}
}

// FuzzParsers holds that no file of the kernel's can make a prober panic or say what cannot be.
func FuzzParsers(f *testing.F) {
	for _, seed := range []string{
		"vendor_id\t: GenuineIntel\nflags\t: vmx\n", "MemTotal:  24684084 kB\n", "0-3,8\n",
		"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\ncgroup /x cgroup rw,cpu 0 0\n",
		"Filename Type Size Used Priority\n/dev/dm-1 partition 8388604 0 -2\n", "hugepages-2048kB", "always [madvise] never", "0000:01:00.0",
		"kvm:x:104:ann\n", "PRETTY_NAME=\"Debian\"\n", "intel_iommu=on iommu=pt ip=192.0.2.7", "Node 0 MemTotal: 1 kB\n",
		"eno1\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "kernel/drivers/vfio/pci/vfio-pci.ko.xz: a\n", "CONFIG_KVM=y\n",
		"29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseCPU(text)
		if m := parseMemory(text); m < 0 {
			t.Errorf("memory is %d", m)
		}
		if m := nodeMemory(text); m < 0 {
			t.Errorf("memory of a node is %d", m)
		}
		if n := countList(text); n < 0 || n > maxCPUs {
			t.Errorf("%d CPUs", n)
		}
		if top, mode := hierarchy(text); top != "" && !fs.ValidPath(top) || mode == "" {
			t.Errorf("%q %q", top, mode)
		}
		if swaps := parseSwaps(text); len(swaps) > maxSwaps {
			t.Errorf("%d swap areas", len(swaps))
		}
		if kib, ok := pageSize(text); ok && kib <= 0 {
			t.Errorf("pages of %d KiB", kib)
		}
		for _, w := range deciding(text) {
			if !strings.Contains(text, w) {
				t.Errorf("%q is not in %q", w, text)
			}
		}
		if pciAddress(text) && strings.ContainsAny(text, "/ \n") {
			t.Errorf("%q is no address", text)
		}
		for name := range listedModules(strings.NewReader(text)) {
			if strings.Contains(name, "-") {
				t.Errorf("module %q", name)
			}
		}
		chosen(text)
		osRelease(text)
		groupName(text, 104)
		onlyLoopback(text)
		routeDevices(text, text)
		for _, m := range parseMounts(text) {
			if strings.ContainsAny(m.device+m.point+m.source, " \n") || strings.Contains(m.device, "/") {
				t.Errorf("%+v", m)
			}
		}
		setOptions(strings.NewReader(text))
	})
}
