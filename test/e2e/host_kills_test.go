//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// hvd, hv-helper or both are killed while VMs are started, paused and ended, and started again. HV_SOAK names
// another number of kills than 50; make soak has 1,000.
func TestFiftyKillsLoseNoVMAndLeaveNothing(t *testing.T) {
	kills := 50
	if n, err := strconv.Atoi(os.Getenv("HV_SOAK")); err == nil && n > 0 {
		kills = n
	}
	const seed = 50
	k := newKilling(t, rand.New(rand.NewPCG(seed, seed)))
	for n := range kills {
		k.kill(n)
		k.settle()
		k.check()
		if t.Failed() {
			t.Fatalf("at kill %d of seed %d:\n%s", n+1, seed, strings.Join(k.said[max(0, len(k.said)-20):], "\n"))
		}
	}
	k.nothingLeft()
	slices.Sort(k.took)
	t.Logf("%d kills of %v; %d processes of QEMU; status true after a restart of hvd: median %v, 95 %% %v, longest %v (the goal is 2 s)",
		kills, k.whom, len(k.pids), k.took[len(k.took)/2], k.took[len(k.took)*95/100], k.took[len(k.took)-1])
}

// killing is a host that has a hard time, and what was acknowledged there.
type killing struct {
	*testing.T
	h     *onehost.Host
	rnd   *rand.Rand
	names []string
	want  map[string]vm.Power // acknowledged; absent for a VM that does not exist
	mayBe map[string]bool     // the last call was not answered
	pid   map[string]int      // that a VM must keep, as nobody wished otherwise
	pids  map[int]bool
	uids  map[uint32]bool
	whom  map[string]int
	took  []time.Duration
	said  []string
}

func newKilling(t *testing.T, rnd *rand.Rand) *killing {
	k := &killing{
		T: t, h: onehost.New(t), rnd: rnd, want: map[string]vm.Power{}, mayBe: map[string]bool{}, pid: map[string]int{},
		pids: map[int]bool{}, uids: map[uint32]bool{}, whom: map[string]int{},
	}
	for i := range 4 {
		name := fmt.Sprintf("k%d-%d", i, os.Getpid()) // others on this machine have VMs too
		k.names = append(k.names, name)
		must(t, k.h, "volume", "create", name, "--size", "1MiB")
		k.wish(name)
	}
	k.settle()
	k.check()
	return k
}

func (k *killing) say(format string, args ...any) {
	k.said = append(k.said, fmt.Sprintf(format, args...))
}

func killRef(name string) model.Ref { return model.Ref{Project: model.DefaultProject, Name: name} }

// kill wishes something and kills somebody at some moment of it.
func (k *killing) kill(n int) {
	whom := []string{"hvd", "hv-helper", "both"}[k.rnd.IntN(3)]
	moment := time.Duration(k.rnd.IntN(150)) * time.Millisecond
	k.whom[whom]++
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1 + k.rnd.IntN(3) {
			k.wish(k.names[k.rnd.IntN(len(k.names))])
		}
	}()
	time.Sleep(moment) // the moment is the case
	if whom != "hvd" {
		_ = k.h.EndHelper(syscall.SIGKILL)
	}
	if whom != "hv-helper" {
		_ = k.h.EndHVD(syscall.SIGKILL)
	}
	<-done
	k.say("kill %d: %s after %v", n+1, whom, moment)
	if whom != "hvd" {
		k.h.StartHelper()
	}
	if whom != "hv-helper" {
		began := time.Now()
		k.h.StartHVD()
		k.took = append(k.took, k.untilTrue(began))
	}
}

// wish asks for something that fits what is wished now.
func (k *killing) wish(name string) {
	ctx, cancel := context.WithTimeout(k.Context(), 30*time.Second)
	defer cancel()
	now, there := k.want[name]
	var what string
	var next vm.Power
	var err error
	if !there {
		what, next = "create", []vm.Power{vm.On, vm.Paused, vm.Off}[k.rnd.IntN(3)]
		def := vm.Definition{Name: name, Spec: vm.Spec{Memory: 32 * model.MiB, Power: next, Disks: map[string]vm.Disk{"data": {Volume: name}}}}
		_, err = k.h.Client.CreateVM(ctx, model.DefaultProject, def, client.Change{})
	} else if k.rnd.IntN(8) == 0 {
		what = "delete"
		_, err = k.h.Client.DeleteVM(ctx, killRef(name), wire.VerbOptions{Force: true}, client.Change{})
	} else {
		verbs := map[vm.Power][]vm.Verb{vm.On: {vm.VerbKill, vm.VerbPause}, vm.Paused: {vm.VerbResume, vm.VerbKill}, vm.Off: {vm.VerbStart}}[now]
		verb := verbs[k.rnd.IntN(len(verbs))]
		what, next = string(verb), map[vm.Verb]vm.Power{vm.VerbStart: vm.On, vm.VerbResume: vm.On, vm.VerbKill: vm.Off, vm.VerbPause: vm.Paused}[verb]
		_, err = k.h.Client.PowerVM(ctx, killRef(name), verb, wire.VerbOptions{}, client.Change{})
	}
	k.say("%s %s: %v", what, name, err)
	switch kind := fault.KindOf(err); {
	case err == nil && what == "delete":
		delete(k.want, name)
		delete(k.pid, name)
	case err == nil:
		k.want[name] = next
	case kind == fault.Precondition || kind == fault.Conflict || kind == fault.NotFound: // refused, and nothing has changed
	default:
		k.mayBe[name] = true
	}
	if err == nil && next == vm.Off || k.mayBe[name] {
		delete(k.pid, name)
	}
}

// untilTrue waits until the status of every VM is what /proc has, and returns how long that took.
func (k *killing) untilTrue(began time.Time) time.Duration {
	for until := began.Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // what is measured is not told as an event
		if wrong := k.untrue(); wrong == "" {
			return time.Since(began)
		} else if time.Now().After(until) {
			k.Fatalf("a minute after the restart of hvd: %s\n%s", wrong, k.h.Logs())
		}
	}
}

func (k *killing) untrue() string {
	for _, name := range k.names {
		pids := qemusOf(k.T, name)
		v, err := k.h.Client.VM(k.Context(), killRef(name))
		if fault.KindOf(err) == fault.NotFound && err != nil && len(pids) == 0 {
			continue
		}
		if err != nil {
			return err.Error()
		}
		p := v.Status.Power
		switch {
		case len(pids) > 1:
			return fmt.Sprintf("vm %s has processes %v", name, pids)
		case len(pids) == 1 && (p == nil || p.Process == nil || p.Process.PID != pids[0]):
			return fmt.Sprintf("vm %s is process %v, and its status %+v", name, pids, p)
		case len(pids) == 0 && p != nil && p.State.Alive():
			return fmt.Sprintf("vm %s has no process, and its status is %+v", name, p)
		}
	}
	return ""
}

// settle finds out what became of calls that were not answered, and waits until each VM was seen to: an edit
// that changes nothing ends when its wish is true.
func (k *killing) settle() {
	k.Helper()
	for _, name := range k.names {
		if !k.mayBe[name] {
			continue
		}
		v, err := k.h.Client.VM(k.Context(), killRef(name))
		switch {
		case fault.KindOf(err) == fault.NotFound && err != nil, err == nil && v.Metadata.Deleted != nil:
			delete(k.want, name)
		case err != nil:
			k.Fatalf("%v\n%s", err, k.h.Logs())
		default:
			k.want[name] = v.Spec.Power
			if v.Spec.Power == "" {
				k.want[name] = vm.Off
			}
		}
		delete(k.mayBe, name)
	}
	ctx, cancel := context.WithTimeout(k.Context(), 2*time.Minute)
	defer cancel()
	for _, name := range k.names {
		if _, there := k.want[name]; !there {
			must(k.T, k.h, "vm", "wait", name, "--for", "deleted", "--timeout", "2m")
			continue
		}
		res, err := k.h.Client.EditVM(ctx, killRef(name), []byte(`{"memory":"32MiB"}`), client.Change{})
		if err == nil {
			_, err = k.h.Client.WaitOperation(ctx, res.Operation.ID, nil)
		}
		if err != nil {
			k.Fatalf("vm %s was acknowledged: %v\n%s\n%s", name, err, strings.Join(k.said, "\n"), k.h.Logs())
		}
	}
}

// check holds every VM against what was acknowledged.
func (k *killing) check() {
	k.Helper()
	for _, name := range k.names {
		want, pids := k.want[name], qemusOf(k.T, name)
		if lives := want == vm.On || want == vm.Paused; lives != (len(pids) == 1) {
			k.Errorf("vm %s is wished %q and has processes %v\n%s", name, want, pids, k.h.Logs())
			continue
		} else if !lives {
			delete(k.pid, name)
			continue
		}
		p := k.h.WaitState(k.Context(), name, map[vm.Power][]string{vm.On: {"running"}, vm.Paused: {"paused", "prelaunch"}}[want]...).Status.Power
		if was := k.pid[name]; p.Process.PID != pids[0] || was != 0 && was != pids[0] {
			k.Errorf("vm %s is process %v, its status says %d, and it was %d, which nobody has ended", name, pids, p.Process.PID, was)
		}
		k.pid[name], k.pids[pids[0]], k.uids[p.Process.UID] = pids[0], true, true
	}
}

// nothingLeft deletes all VMs and wants no process, cgroup, socket or file of theirs to be left.
func (k *killing) nothingLeft() {
	k.Helper()
	for _, name := range k.names {
		if _, there := k.want[name]; there {
			must(k.T, k.h, "vm", "delete", "--yes", "--force", name)
			must(k.T, k.h, "vm", "wait", name, "--for", "deleted", "--timeout", "2m")
		}
		must(k.T, k.h, "volume", "delete", "--now", "--yes", name)
		if pids := qemusOf(k.T, name); len(pids) != 0 {
			k.Errorf("processes %v are left of vm %s", pids, name)
		}
	}
	for pid, id := range realUIDs(k.T) {
		if first := id - (id-1879048192)%4; k.uids[first] {
			k.Errorf("process %d is left, of uid %d", pid, id)
		}
	}
	own := "hv-" + filepath.Base(k.h.Run)
	for _, pattern := range []string{
		filepath.Join(k.h.Run, "vm", "*"), filepath.Join(k.h.State, "pool", "*"), filepath.Join(k.h.State, "logs", "*"),
		filepath.Join("/sys/fs/cgroup", own, "*-*"), filepath.Join("/sys/fs/cgroup/*", own, "*-*"),
	} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			k.Errorf("%v are left, %v", left, err)
		}
	}
}

// qemusOf are the processes that are QEMU of the VM with that name.
func qemusOf(t *testing.T, name string) []int {
	t.Helper()
	var out []int
	eachProcess(t, func(pid int) {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(cmdline), "\x00guest="+name+",") {
			out = append(out, pid)
		}
	})
	return out
}

// realUIDs are the uids of VMs' block that processes have, by process.
func realUIDs(t *testing.T) map[int]uint32 {
	t.Helper()
	out := map[int]uint32{}
	eachProcess(t, func(pid int) {
		info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		if err != nil {
			return // it has ended
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Uid < 1879048192 {
			return
		}
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(stat), ") Z ") { // a dead one is init's to collect
			out[pid] = st.Uid
		}
	})
	return out
}

func eachProcess(t *testing.T, see func(pid int)) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			see(pid)
		}
	}
}
