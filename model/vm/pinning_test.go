package vm

import (
	"slices"
	"strings"
	"testing"
)

func TestPinsNameThreadsThatThereAre(t *testing.T) {
	pinned := func(p Pinning) Spec {
		return Spec{CPUs: 2, Disks: map[string]Disk{"root": {Volume: "v", IOThread: "fast"}}, Pinning: &p}
	}
	for name, c := range map[string]struct {
		spec Spec
		want string // path: words of the only problem; empty for none
	}{
		"all of it":      {spec: pinned(Pinning{CPUs: "0-3", Exclusive: true})},
		"each its own":   {spec: pinned(Pinning{VCPUs: map[string]string{"0": "2", "1": "3"}, Emulator: "0-1", IOThreads: map[string]string{"fast": "1"}})},
		"one to come":    {spec: Spec{CPUs: 1, CPUsMax: 4, Pinning: &Pinning{VCPUs: map[string]string{"3": "0"}}}},
		"no such vCPU":   {pinned(Pinning{VCPUs: map[string]string{"2": "0"}}), "pinning.vcpus.2: none of its 2"},
		"no number":      {pinned(Pinning{VCPUs: map[string]string{"01": "0"}}), "pinning.vcpus.01: none of its 2"},
		"no list":        {pinned(Pinning{Emulator: "0-"}), "pinning.emulator: no number"},
		"no such thread": {pinned(Pinning{IOThreads: map[string]string{"slow": "0"}}), "pinning.iothreads.slow: no disk has"},
		"own of nothing": {pinned(Pinning{Exclusive: true}), "pinning.exclusive: no CPU"},
	} {
		got := Check(Definition{Name: "web", Spec: c.spec})
		path, words, _ := strings.Cut(c.want, ": ")
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case c.want != "" && (len(got) != 1 || got[0].Path != path || !strings.Contains(got[0].What, words)):
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
	p := Pinning{CPUs: "0-1", VCPUs: map[string]string{"0": "7"}, Emulator: "1-2"}
	if got := p.Used(); !slices.Equal(got, []int{0, 1, 2, 7}) {
		t.Errorf("it uses %v", got)
	}
}
