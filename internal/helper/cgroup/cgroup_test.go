package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheHierarchyIsFoundInTheMounts(t *testing.T) {
	const (
		v2    = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"
		side  = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
		old   = "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
		named = "cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0\n"
		other = "proc /proc proc rw 0 0\nshort\n\n"
	)
	for mounts, want := range map[string][2]string{
		other:                      {"", None},
		other + v2:                 {"/sys/fs/cgroup", V2},
		v2 + named:                 {"/sys/fs/cgroup", V2},
		other + old + side + named: {"/sys/fs/cgroup/unified", Hybrid},
		old:                        {"", V1},
		named:                      {"", None},
	} {
		if top, mode := hierarchy(mounts); top != want[0] || mode != want[1] {
			t.Errorf("%q: %s %s, want %v", mounts, top, mode, want)
		}
	}
}

// fakeTop is a folder that looks like the top of a version 2 hierarchy. The kernel's files appear in it
// and in our folder by hand.
func fakeTop(t *testing.T, controllers string) (mounts, ours string) {
	t.Helper()
	top := t.TempDir()
	ours = filepath.Join(top, "hv-test")
	if err := os.Mkdir(ours, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{top, ours} {
		for _, f := range []string{"cgroup.controllers", "cgroup.subtree_control"} {
			if err := os.WriteFile(filepath.Join(dir, f), []byte(controllers+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return "cgroup2 " + top + " cgroup2 rw 0 0\n", ours
}

func TestAGroupHoldsTheLimitsOfItsVM(t *testing.T) {
	mounts, ours := fakeTop(t, "cpuset cpu io memory hugetlb pids")
	tree := Find(mounts, "hv-test")
	if !tree.Enforced() || tree.Mode != V2 {
		t.Fatalf("%+v", tree)
	}
	for _, c := range []struct {
		limits Limits
		want   map[string]string
	}{
		{Limits{MemoryBytes: 1 << 30, CPUs: 2, Pids: 64}, map[string]string{"memory.max": "1073741824", "cpu.max": "200000 100000", "pids.max": "64"}},
		{Limits{}, map[string]string{"memory.max": "max", "cpu.max": "max 100000", "pids.max": "max"}},
	} {
		dir, err := tree.Make("vm", c.limits)
		if err != nil {
			t.Fatal(err)
		}
		_ = dir.Close() // a folder
		for file, want := range c.want {
			if got, err := os.ReadFile(filepath.Join(ours, "vm", file)); err != nil || string(got) != want {
				t.Errorf("%s is %q, %v; want %q", file, got, err, want)
			}
		}
	}
	if !tree.Exists("vm") || tree.Exists("other") {
		t.Error("which groups exist is misread")
	}
}

func TestAHostThatCannotEnforceLimitsSaysWhy(t *testing.T) {
	mounts, _ := fakeTop(t, "hugetlb")
	hybrid := Find(mounts+"cgroup /x cgroup rw,memory 0 0\n", "hv-test")
	if hybrid.Enforced() || !strings.Contains(hybrid.Why, "no cpu, memory, pids; they are mounted as version 1") {
		t.Errorf("%+v", hybrid)
	}
	dir, err := hybrid.Make("vm", Limits{MemoryBytes: 1})
	if err != nil || dir == nil {
		t.Fatalf("a VM has a group even without limits: %v", err)
	}
	_ = dir.Close() // a folder
	if err := hybrid.Remove("vm"); err != nil || hybrid.Exists("vm") {
		t.Errorf("not removed: %v", err)
	}
	for _, mounts := range []string{"", "cgroup /x cgroup rw,memory 0 0\n", "cgroup2 /does/not/exist cgroup2 rw 0 0\n"} {
		tree := Find(mounts, "hv-test")
		if tree.Enforced() || tree.Why == "" {
			t.Errorf("%q: %+v", mounts, tree)
		}
		if dir, err := tree.Make("vm", Limits{}); dir != nil || err != nil {
			t.Errorf("%q: %v, %v", mounts, dir, err)
		}
		if err := tree.Remove("vm"); err != nil || tree.Exists("vm") {
			t.Errorf("%q: %v", mounts, err)
		}
		tree.Close()
	}
}
