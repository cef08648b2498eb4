package probe

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// maxCPUs bounds what a list of CPUs may say; Linux' own bound is 8192.
const maxCPUs = 1 << 16

// cpu says how many CPUs are online and what the first of them is.
// Source: proc_cpuinfo(5), the Linux kernel's Documentation/admin-guide/cputopology.rst.
func cpu(root fs.FS, f *host.Facts) {
	f.CPUs = countList(word(root, "sys/devices/system/cpu/online"))
	f.CPU = parseCPU(read(root, "proc/cpuinfo"))
}

// parseCPU reads the first CPU of /proc/cpuinfo, nil when there is none. An arm64 kernel names only the implementer,
// as a number, and never says whether the CPU can run VMs.
func parseCPU(text string) *host.CPU {
	var c host.CPU
	var flags []string
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			break // the empty line after the first CPU
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "vendor_id":
			c.Vendor = value
		case "CPU implementer":
			c.Vendor = implementer(value)
		case "model name":
			c.Model = value
		case "flags", "Features":
			flags = strings.Fields(value)
		}
	}
	has := func(flag string) bool { return slices.Contains(flags, flag) }
	c.VTx, c.AMDV, c.Hypervisor, c.SVE = has("vmx"), has("svm"), has("hypervisor"), has("sve")
	if c == (host.CPU{}) && flags == nil {
		return nil
	}
	return &c
}

// implementer names the maker of an ARM CPU, where it is a common one.
// Source: Arm Architecture Reference Manual, MIDR_EL1.
func implementer(number string) string {
	switch number {
	case "0x41":
		return "ARM"
	case "0x43":
		return "Cavium"
	case "0x46":
		return "Fujitsu"
	case "0x51":
		return "Qualcomm"
	case "0x61":
		return "Apple"
	case "0xc0":
		return "Ampere"
	}
	return number
}

// countList counts what a list such as "0-3,8" names; 0 when it is malformed.
func countList(list string) int {
	n := 0
	for _, part := range strings.Split(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		if errA != nil || errB != nil || a < 0 || b < a || b >= maxCPUs {
			return 0
		}
		if n += b - a + 1; n > maxCPUs {
			return 0
		}
	}
	return n
}
