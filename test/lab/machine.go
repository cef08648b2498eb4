package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// machine is what QEMU is told: one emulated host with what a big server has and a build machine lacks.
type machine struct {
	name    string
	image   Image
	cpuinfo []byte // of this machine, for the clock
	cpus    int
	memory  int    // MiB
	folder  string // holds root.qcow2, in.raw, out.raw, spare.raw
	link    *Link
	words   []string // further ones for the kernel's command line
}

// The cards' addresses; the script in the lab knows its cards by them.
const (
	macOutside = "52:54:00:68:76:01"
	macLink    = "52:54:00:68:76:%02x" // 0x11 and 0x12: two cards on one wire differ
	macSpare   = "52:54:00:68:76:02"
)

// argv is QEMU's command line. The lab is always emulated: a machine's own KVM may boot nothing, and only
// the emulated CPU is known to have SVM with nested paging.
func (m machine) argv() []string {
	a := []string{
		"-name", "guest=" + m.name, "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", strconv.Itoa(m.cpus), "-m", strconv.Itoa(m.memory),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", m.image.Kernel, "-append", m.commandLine(),
		"-serial", "file:" + m.folder + "/console.log",
		// Remapping of interrupts is what makes assigning a device safe, and VFIO insists on it.
		"-device", "intel-iommu,intremap=on",
	}
	add := func(words ...string) { a = append(a, words...) }
	disk := func(node, driver, file, options string) {
		add("-blockdev", fmt.Sprintf("driver=%s,node-name=%s,file.driver=file,file.filename=%s/%s%s", driver, node, m.folder, file, options))
	}
	// The overlay is thrown away: nothing in it has to survive this machine's crash.
	disk("root", "qcow2", "root.qcow2", ",cache.no-flush=on,file.cache.no-flush=on")
	add("-device", "nvme,drive=root,serial=root,addr=2")
	disk("in", "raw", "in.raw", ",read-only=on")
	add("-device", "virtio-blk-pci,drive=in,addr=3")
	disk("out", "raw", "out.raw", "")
	add("-device", "virtio-blk-pci,drive=out,addr=4")
	disk("spare", "raw", "spare.raw", ",discard=unmap,detect-zeroes=unmap")
	add("-device", "virtio-blk-pci,drive=spare,serial=spare,addr=5")
	add("-device", "virtio-serial-pci,addr=6", "-chardev", "stdio,id=lab,signal=off", "-device", "virtserialport,chardev=lab,name=lab")
	add("-device", "virtio-rng-pci,addr=7")
	add("-netdev", "user,id=outside,restrict=on", "-device", "virtio-net-pci,netdev=outside,mac="+macOutside+",romfile=,addr=8")
	if m.link != nil {
		add("-netdev", "dgram,id=link,local.type=unix,local.path="+m.link.socket(m.link.Number)+",remote.type=unix,remote.path="+m.link.socket(m.link.other()),
			"-device", fmt.Sprintf("virtio-net-pci,netdev=link,mac="+macLink+",romfile=,addr=9", 0x10+m.link.Number))
	}
	// To give away: a card, and an NVMe controller with two virtual functions. Each is behind a port of its own,
	// without which a device has no reset and VFIO warns.
	add("-device", "pcie-root-port,id=port1,chassis=1,addr=a", "-device", "pcie-root-port,id=port2,chassis=2,addr=b",
		"-netdev", "user,id=spare,restrict=on,net=10.98.0.0/24",
		"-device", "virtio-net-pci,netdev=spare,mac="+macSpare+",bus=port1,disable-legacy=on,iommu_platform=on,romfile=",
		"-device", "nvme-subsys,id=subsystem",
		"-device", "nvme,serial=spare,subsys=subsystem,bus=port2,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2,max_ioqpairs=6,msix_qsize=5")
	return a
}

// commandLine is the kernel's. The lab's clock is told, as test/guest says why; that it is reliable spares the
// watchdog. The timer is not tested: on a busy machine it comes too late, and the kernel panics. Devices of the lab's own are not translated (iommu=pt), which leaves VFIO as it is.
func (m machine) commandLine() string {
	words := append([]string{
		"console=ttyS0", "root=" + rootArgument, "rw", "quiet", "panic=-1", "mitigations=off", "tsc=reliable", "no_timer_check", "intel_iommu=on", "iommu=pt",
		"systemd.unit=lab.target", "systemd.show_status=0", "systemd.hostname=" + m.name,
	}, m.words...)
	if khz := clock(m.cpuinfo); khz != "" {
		words = append(words, khz)
	}
	if m.link != nil {
		words = append(words, fmt.Sprintf("lab.host=%d", m.link.Number))
	}
	return strings.Join(words, " ")
}
