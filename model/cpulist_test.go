package model

import (
	"slices"
	"testing"
)

func TestAListOfCPUsIsReadAndWrittenAsLinuxDoes(t *testing.T) {
	for list, want := range map[string]string{
		"0": "0", "0-3": "0-3", "3,1,2": "1-3", "0-1,4,6-7": "0-1,4,6-7", "1,1-2": "1-2", "1023": "1023",
		"": "", "1024": "", "-1": "", "1-": "", "3-1": "", "a": "", "0,": "", "+1": "", "0-99999999999999999999": "",
	} {
		cpus, err := ParseCPUs(list)
		if got := CPUList(cpus); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", list, got, err, want)
		}
	}
}

func FuzzParseCPUs(f *testing.F) {
	f.Add("0-3,8")
	f.Fuzz(func(t *testing.T, list string) {
		cpus, err := ParseCPUs(list)
		if err != nil {
			return
		}
		again, err := ParseCPUs(CPUList(cpus))
		if err != nil || !slices.Equal(cpus, again) {
			t.Errorf("%q: %v, then %v, %v", list, cpus, again, err)
		}
	})
}
