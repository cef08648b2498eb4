//go:build lab

package inside

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The lab itself: what later tests take for granted.

func TestTheLabHasEveryController(t *testing.T) {
	have := strings.Fields(read(t, "/sys/fs/cgroup/cgroup.controllers"))
	for _, c := range []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids"} {
		if !slices.Contains(have, c) {
			t.Errorf("cgroups have no %s: %v", c, have)
		}
	}
}

func TestTheLabHasADeviceToGiveAway(t *testing.T) {
	var card string
	for _, net := range glob(t, "/sys/class/net/*") {
		if read(t, net+"/address") == "52:54:00:68:76:02" {
			device, err := filepath.EvalSymlinks(net + "/device/..") // the function behind virtio's own bus
			if err != nil {
				t.Fatal(err)
			}
			card = device
		}
	}
	if card == "" {
		t.Fatal("there is no spare card")
	}
	if methods := read(t, card+"/reset_method"); !strings.Contains(methods, "flr") {
		t.Errorf("the card can be reset by %q; behind a port of its own it has a function level reset", methods)
	}
	if peers := glob(t, card+"/iommu_group/devices/*"); len(peers) != 1 {
		t.Errorf("the card shares its IOMMU group: %v", peers)
	}
	group, err := os.Readlink(card + "/iommu_group")
	if err != nil {
		t.Fatal(err)
	}
	address := filepath.Base(card)
	bind := func(driver string) {
		write(t, card+"/driver/unbind", address)
		write(t, card+"/driver_override", driver+"\n")
		write(t, "/sys/bus/pci/drivers_probe", address)
	}
	run(t, "modprobe", "vfio-pci")
	bind("vfio-pci")
	t.Cleanup(func() { bind("virtio-pci") })
	if _, err := os.Stat("/dev/vfio/" + filepath.Base(group)); err != nil {
		t.Error(err)
	}
}

func TestTheLabHasVirtualFunctions(t *testing.T) {
	counts := glob(t, "/sys/bus/pci/devices/*/sriov_numvfs")
	if len(counts) != 1 {
		t.Fatalf("devices with virtual functions: %v", counts)
	}
	write(t, counts[0], "2")
	t.Cleanup(func() { write(t, counts[0], "0") })
	functions := glob(t, filepath.Dir(counts[0])+"/virtfn*")
	if len(functions) != 2 {
		t.Fatalf("virtual functions: %v", functions)
	}
	for _, f := range functions {
		if peers := glob(t, f+"/iommu_group/devices/*"); len(peers) != 1 {
			t.Errorf("%s shares its IOMMU group: %v", f, peers)
		}
	}
}

func TestTheLabHasABridgeThatKnowsVLANs(t *testing.T) {
	run(t, "ip", "link", "add", "labbr", "type", "bridge", "vlan_filtering", "1")
	t.Cleanup(func() { run(t, "ip", "link", "del", "labbr") })
	run(t, "ip", "link", "add", "labveth", "type", "veth", "peer", "name", "labpeer")
	run(t, "ip", "link", "set", "labveth", "master", "labbr")
	run(t, "bridge", "vlan", "add", "dev", "labveth", "vid", "42", "pvid", "untagged")
	if out := run(t, "bridge", "vlan", "show", "dev", "labveth"); !strings.Contains(out, "42 PVID") {
		t.Errorf("the port is not in VLAN 42:\n%s", out)
	}
	run(t, "ip", "link", "add", "link", "labpeer", "name", "labpeer.7", "type", "vlan", "id", "7")
	run(t, "ip", "link", "del", "labveth")
}

func TestTheLabHasADiskForVolumes(t *testing.T) {
	const disk = "/dev/disk/by-id/virtio-spare"
	run(t, "pvcreate", "-q", disk)
	run(t, "vgcreate", "-q", "labspare", disk)
	t.Cleanup(func() {
		run(t, "vgremove", "-q", "-y", "labspare")
		run(t, "pvremove", "-q", disk)
	})
	run(t, "lvcreate", "-q", "-y", "-L", "256M", "-T", "labspare/pool")
	run(t, "lvcreate", "-q", "-y", "-V", "1G", "-T", "labspare/pool", "-n", "thin")
	run(t, "lvcreate", "-q", "-y", "-s", "labspare/thin", "-n", "copy")
	if out := run(t, "dmsetup", "ls"); !strings.Contains(out, "labspare-thin") {
		t.Errorf("device mapper has no thin volume:\n%s", out)
	}
	for _, device := range []string{"/dev/vhost-net", "/dev/vhost-vsock", "/dev/net/tun", "/dev/kvm"} {
		if _, err := os.Stat(device); err != nil {
			t.Error(err)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}
