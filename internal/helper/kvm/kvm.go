// Package kvm finds out whether KVM runs a guest: hosts exist whose /dev/kvm opens and boots nothing.
//
// What lives here: what the CPU shows, and the probe VM of a few real-mode instructions. What does not:
// the child process that the probe runs in, and how long its verdict holds (package helper).
package kvm

import (
	"bytes"
	"slices"
)

// Device is KVM's device node.
const Device = "/dev/kvm"

// Flag returns "vmx" or "svm" where the CPU shows one in /proc/cpuinfo, and nothing else. Without either
// a /dev/kvm is no hardware virtualization, whatever it says.
func Flag(cpuinfo []byte) string {
	for line := range bytes.Lines(cpuinfo) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || string(bytes.TrimSpace(name)) != "flags" {
			continue
		}
		flags := bytes.Fields(value)
		for _, want := range []string{"vmx", "svm"} {
			if slices.ContainsFunc(flags, func(f []byte) bool { return string(f) == want }) {
				return want
			}
		}
		return "" // all CPUs of a host show the same
	}
	return ""
}
