package vm

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestAVMMayBeGivenMoreThanItStartsWith(t *testing.T) {
	s, _ := Effective(Spec{CPUsMax: 8, MemoryMax: model.GiB, CPU: &CPU{Threads: 2}}, "x86_64")
	if s.CPUs != 1 || s.Balloon == nil || !*s.Balloon {
		t.Errorf("%+v", s)
	}
	if sockets, cores, threads := s.Topology(); sockets != 1 || cores != 4 || threads != 2 {
		t.Errorf("8 vCPUs are laid out as %d×%d×%d", sockets, cores, threads)
	}
	if found := Check(Definition{Name: "a", Spec: s}); len(found) > 0 {
		t.Error(found)
	}
	if s, _ := Effective(Spec{}, "x86_64"); s.Balloon != nil {
		t.Error("a balloon that nobody asked for")
	}
	for path, s := range map[string]Spec{
		"cpusMax": {CPUs: 4, CPUsMax: 2}, "memoryMax": {MemoryMax: DefaultMemory}, "cpu": {CPUsMax: 3, CPU: &CPU{Threads: 2}},
	} {
		if found := Check(Definition{Name: "a", Spec: s}); len(found) != 1 || found[0].Path != path {
			t.Errorf("%s: %v", path, found)
		}
	}
	for _, s := range []Spec{{Memory: 3 * model.MiB, MemoryMax: model.GiB}, {MemoryMax: model.GiB + model.MiB}, {MemoryMax: 2 * MaxMemory}, {CPUsMax: -1}} {
		if found := Check(Definition{Name: "a", Spec: s}); len(found) != 1 {
			t.Errorf("%+v: %v", s, found)
		}
	}
}
