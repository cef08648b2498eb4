package kvm

import "testing"

func TestOnlyAFlagOfTheCPUCounts(t *testing.T) {
	for text, want := range map[string]string{
		"model name\t: x vmx svm\nflags\t\t: fpu vme\n":            "",
		"processor\t: 0\nflags\t\t: fpu svm vmmcall\n":             "svm",
		"flags\t\t: fpu vmx\n\nprocessor\t: 1\nflags\t\t: fpu\n":   "vmx",
		"vmx flags\t: vnmi ept\nflags\t\t: fpu vmx-ish svm_lock\n": "",
		"": "",
	} {
		if got := Flag([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
