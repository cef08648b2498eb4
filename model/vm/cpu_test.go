package vm

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

func TestTheLayoutOfVCPUsFollowsFromWhatIsGiven(t *testing.T) {
	for _, c := range []struct {
		cpus  int
		given CPU
		want  [4]int // cpus, sockets, cores, threads
	}{
		{0, CPU{}, [4]int{1, 1, 1, 1}},
		{6, CPU{}, [4]int{6, 1, 6, 1}},
		{0, CPU{Sockets: 2, Cores: 3, Threads: 2}, [4]int{12, 2, 3, 2}},
		{0, CPU{Cores: 4}, [4]int{4, 1, 4, 1}},
		{8, CPU{Cores: 4}, [4]int{8, 2, 4, 1}},
		{8, CPU{Threads: 2}, [4]int{8, 1, 4, 2}},
		{8, CPU{Sockets: 2, Cores: 2}, [4]int{8, 2, 2, 2}},
	} {
		d := Definition{Name: "a", Spec: Spec{CPUs: c.cpus, CPU: &c.given}}
		if p := Check(d); len(p) > 0 {
			t.Errorf("%d %+v: %v", c.cpus, c.given, p)
		}
		got, _ := Effective(d.Spec, "x86_64")
		s, k, n := got.Topology()
		if now := [4]int{got.CPUs, s, k, n}; now != c.want || s*k*n != got.CPUs {
			t.Errorf("%d %+v became %v, want %v", c.cpus, c.given, now, c.want)
		}
	}
}

func TestALayoutThatDoesNotComeToTheNumberOfVCPUsIsRefused(t *testing.T) {
	for _, c := range []struct {
		cpus  int
		given CPU
		want  string
	}{
		{4, CPU{Sockets: 1, Cores: 3, Threads: 1}, "cpu: its sockets, cores and threads are 3 vCPUs, and cpus says 4"},
		{5, CPU{Threads: 2}, "cpu: 5 vCPUs cannot be laid out evenly: what is given of sockets, cores and threads comes to 2"},
		{0, CPU{Sockets: 64, Cores: 64}, "cpu: its sockets, cores and threads are 4096 vCPUs, more than 1024"},
		{0, CPU{Sockets: -1}, "cpu.sockets: -1 is not between 1 and 1024"},
	} {
		var got []string
		for _, p := range Check(Definition{Name: "a", Spec: Spec{CPUs: c.cpus, CPU: &c.given}}) {
			got = append(got, p.Error())
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%d %+v: %v", c.cpus, c.given, got)
		}
	}
}

func TestACPUIsNamedAsQEMUNamesItAndNeverWithOptions(t *testing.T) {
	bad := Definition{Name: "a", Spec: Spec{CPU: &CPU{Model: "max,svm=on", Features: map[string]bool{"+avx": true, "svm": true, "aes": false}}}}
	var paths []string
	for _, p := range Check(bad) {
		paths = append(paths, p.Path)
	}
	if got := strings.Join(paths, " "); got != "cpu.features cpu.features.svm cpu.model" {
		t.Error(got)
	}
}

func TestAVMOfAnEarlierBuildWaitsForNothingThatIsNew(t *testing.T) {
	wish, _ := Effective(Spec{UUID: "u", CPUs: 2}, "x86_64")
	before := wish.Clone()
	before.CPU = nil // the build that started it knew no cpu
	if got := NeedRestart(before, wish); got != nil {
		t.Errorf("%v is pending", got)
	}
	wish.CPU.Model = "max"
	if got := NeedRestart(before, wish); len(got) != 1 || got[0] != "cpu" {
		t.Errorf("pending is %v", got)
	}
}

func TestWhatEmulationLacksIsNoObjectionWhereItIsHiddenOrKVMRuns(t *testing.T) {
	q := host.QEMU{CPUs: []host.CPUModel{{Name: "EPYC", Lacks: []string{"nrip-save", "osvw"}}}}
	s := Spec{CPU: &CPU{Model: "EPYC", Features: map[string]bool{"osvw": false}}}
	if got := CPUObjections(s, q, TCG); len(got) > 0 {
		t.Error(got)
	}
	s.NestedVirtualization = true
	if got := CPUObjections(s, q, TCG); len(got) != 1 || !strings.Contains(got[0].What, "nrip-save") {
		t.Error(got)
	}
	if got := CPUObjections(s, q, KVM); len(got) > 0 {
		t.Error(got)
	}
}

func TestAWatchdogResetsUnlessItsOwnerSaysOtherwise(t *testing.T) {
	got, _ := Effective(Spec{Watchdog: &Watchdog{}}, "x86_64")
	if got.Watchdog.OnExpiry != ExpiryReset {
		t.Errorf("%+v", got.Watchdog)
	}
	if p := Check(Definition{Name: "a", Spec: Spec{Watchdog: &Watchdog{OnExpiry: "explode"}}}); len(p) != 1 || p[0].Path != "watchdog.onExpiry" {
		t.Error(p)
	}
}
