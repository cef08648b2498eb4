//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
)

func TestAVMOutlivesAKilledHelperAndIsAdopted(t *testing.T) {
	h := newHelperHost(t)
	l := withUplink()
	before, pidfd := h.mustLaunch(l)
	h.monitor(before).close()
	passt := passts(t, before.UID)

	if err := h.end(syscall.SIGKILL); err == nil {
		t.Fatal("the helper was to be killed")
	}
	if _, err := h.client.List(t.Context()); fault.KindOf(err) != fault.Unavailable || fault.HintOf(err) == "" {
		t.Errorf("without a helper: %v", err)
	}
	h.start()
	list, err := h.client.List(t.Context()) // the same client goes on
	if err != nil || len(list.VMs) != 1 || len(list.Strays) > 0 {
		t.Fatalf("list %+v, %v", list, err)
	}
	after := list.VMs[0]
	if !after.Alive || after.PID != before.PID || after.StartTime != before.StartTime || after.UID != before.UID || !after.Uplinks["net-lan"] {
		t.Errorf("before %+v, after %+v", before.Running, after)
	}
	if now := passts(t, before.UID); len(passt) != 1 || fmt.Sprint(now) != fmt.Sprint(passt) {
		t.Errorf("passt was %v and is %v", passt, now)
	}
	if _, _, err := h.client.Launch(t.Context(), l, nil); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second launch after adoption: %v", err)
	}
	h.monitor(before).do("query-status") // its socket still stands where it stood

	adopted, err := h.client.Attach(t.Context(), helperVM)
	if err != nil {
		t.Fatal(err)
	}
	defer adopted.Close()
	if err := h.client.Kill(t.Context(), helperVM, privilege.SignalKill); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, pidfd)
	awaitGone(t, adopted)
	if err := h.client.Cleanup(t.Context(), helperVM); err != nil {
		t.Error(err)
	}
	h.nothingLeft()
}

func TestAVMOutlivesAHelperThatEndsInOrder(t *testing.T) {
	h := newHelperHost(t)
	reply, _ := h.mustLaunch(pausedQ35())
	h.monitor(reply).close()
	if err := h.end(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(h.run, privilege.HelperSocket)); !os.IsNotExist(err) {
		t.Errorf("its socket is left: %v", err)
	}
	h.monitor(reply).do("query-status")
	h.start()
	if list, err := h.client.List(t.Context()); err != nil || len(list.VMs) != 1 || !list.VMs[0].Alive {
		t.Errorf("list %+v, %v", list, err)
	}
}

// A helper that is killed at any moment of a launch leaves a VM that the next one knows, or none.
func TestAHelperKilledInTheMiddleOfALaunchLosesNoVM(t *testing.T) {
	h := newHelperHost(t)
	adopted := 0
	for _, micros := range []int{0, 500, 1000, 1500, 2000, 3000, 4000, 6000, 9000, 14000} {
		after := time.Duration(micros) * time.Microsecond
		done := make(chan error, 1)
		go func() {
			_, pidfd, err := h.client.Launch(t.Context(), withUplink(), nil)
			if err == nil {
				_ = pidfd.Close()
			}
			done <- err
		}()
		time.Sleep(after) // the moment is the case
		if err := h.end(syscall.SIGKILL); err == nil {
			t.Fatal("the helper was to be killed")
		}
		if err := <-done; err != nil && fault.KindOf(err) != fault.Unavailable {
			t.Errorf("after %v: %v", after, err)
		}
		h.start()
		list, err := h.client.List(t.Context())
		if err != nil || len(list.VMs) > 1 {
			t.Fatalf("after %v: %+v, %v", after, list, err)
		}
		if len(list.VMs) == 1 && list.VMs[0].Alive {
			adopted++
			h.monitor(privilege.LaunchReply{Running: list.VMs[0]}).close()
		}
		h.remove(helperVM)
		h.nothingLeft()
	}
	t.Logf("%d of 10 were adopted", adopted)
}

func TestOfTwoLaunchesOfOneVMOneWins(t *testing.T) {
	h := newHelperHost(t)
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, pidfd, err := h.client.Launch(t.Context(), pausedQ35(), nil)
			if err == nil {
				_ = pidfd.Close()
			}
			errs <- err
		}()
	}
	won := 0
	for range 2 {
		switch err := <-errs; {
		case err == nil:
			won++
		case fault.KindOf(err) != fault.Conflict:
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d launches succeeded", won)
	}
}

func TestAProcessThatNoRecordNamesIsEndedAndReported(t *testing.T) {
	h := newHelperHost(t)
	reply, pidfd := h.mustLaunch(pausedQ35())
	h.monitor(reply)
	if err := h.end(syscall.SIGKILL); err == nil {
		t.Fatal("the helper was to be killed")
	}
	// As if it had died before it could write down which process it started.
	path := filepath.Join(h.run, "vm", helperVM, "record.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(data, &record); err != nil {
		t.Fatal(err)
	}
	delete(record, "pid")
	delete(record, "start")
	if data, err = json.Marshal(record); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	h.start()
	awaitGone(t, pidfd)
	list, err := h.client.List(t.Context())
	if err != nil || len(list.VMs) != 1 || list.VMs[0].Alive || len(list.Strays) != 1 || !strings.Contains(list.Strays[0], helperVM) {
		t.Errorf("list %+v, %v", list, err)
	}
	if err := h.client.Cleanup(t.Context(), helperVM); err != nil {
		t.Error(err)
	}
	h.nothingLeft()
}

func TestADamagedRecordLosesNoVM(t *testing.T) {
	h := newHelperHost(t)
	reply, pidfd := h.mustLaunch(pausedQ35())
	h.monitor(reply)
	if err := h.end(syscall.SIGKILL); err == nil {
		t.Fatal("the helper was to be killed")
	}
	if err := os.WriteFile(filepath.Join(h.run, "vm", helperVM, "record.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start()
	awaitGone(t, pidfd) // nobody could say what it is: it does not run on unseen
	list, err := h.client.List(t.Context())
	if err != nil || len(list.VMs) != 1 || list.VMs[0].Alive || len(list.Strays) != 2 {
		t.Errorf("list %+v, %v", list, err)
	}
}

func TestASecondHelperForTheSameStateIsRefused(t *testing.T) {
	h := newHelperHost(t)
	program, err := helperProgram()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "--state", h.state, "--hvd-user", "64077", "--group", "64078").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another hv-helper serves this state folder") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := h.client.Hello(t.Context()); err != nil {
		t.Errorf("the first one was disturbed: %v", err)
	}
}

// as runs f with another uid and gid, on a thread that ends with it.
func as(t *testing.T, uid, gid int, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends, and its uid is the process' in /proc: it is held while another does it.
			defer runtime.UnlockOSThread()
			inner := make(chan error)
			go become(uid, gid, f, inner)
			done <- <-inner
			return
		}
		become(uid, gid, f, done)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// become changes the ids of its thread, and never gives the thread back.
func become(uid, gid int, f func(), done chan<- error) {
	runtime.LockOSThread()
	u, g := uintptr(uid), uintptr(gid)
	for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, g, g, g}, {unix.SYS_SETRESUID, u, u, u}} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			done <- errno
			return
		}
	}
	f()
	done <- nil
}

func TestOnlyHVDIsAnswered(t *testing.T) {
	h := newHelperHost(t)
	reply, _ := h.mustLaunch(pausedQ35())
	socket := filepath.Join(h.run, privilege.HelperSocket)
	monitor := filepath.Join(h.run, reply.Sockets["qmp"])

	hello := []byte(`{"verb":"hello"}`)
	ask := func() (int, error) {
		conn, err := packet.Dial(socket, time.Second)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		_ = conn.Send(hello, nil)
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		n, _, err := conn.Recv(make([]byte, privilege.MaxMessage), 1)
		return n, err
	}
	as(t, helperHVD, helperHVD, func() {
		if n, err := ask(); n == 0 {
			t.Errorf("hvd got nothing: %v", err)
		}
		if conn, err := net.Dial("unix", monitor); err != nil {
			t.Errorf("hvd cannot reach a monitor: %v", err)
		} else {
			_ = conn.Close()
		}
		if err := os.WriteFile(filepath.Join(h.run, "vm", helperVM, "x"), nil, 0o600); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("hvd may write to the folder of a VM: %v", err)
		}
		if _, err := os.ReadFile(filepath.Join(h.run, "vm", helperVM, "record.json")); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("hvd may read a record: %v", err)
		}
	})
	for name, id := range map[string][2]int{"nobody": {65534, 65534}, "a member of the API's group": {65534, helperAPI}, "a VM": {int(reply.UID), int(reply.UID)}} {
		as(t, id[0], id[1], func() {
			if _, err := ask(); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := net.Dial("unix", monitor); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s reaches a monitor: %v", name, err)
			}
		})
	}
	// Should the file's mode ever be lost, the peer's uid still counts.
	if err := os.Chmod(socket, 0o666); err != nil { //nolint:gosec // that is the case
		t.Fatal(err)
	}
	as(t, 65534, 65534, func() {
		if n, err := ask(); n != 0 || err == nil {
			t.Errorf("nobody got an answer of %d bytes, %v", n, err)
		}
	})
}

func TestTheAPISocketIsMadeForTheGroupAndAgainForARestartedHVD(t *testing.T) {
	h := newHelperHost(t)
	path := filepath.Join(h.run, privilege.APISocket)
	for range 2 {
		f, err := h.client.Listen(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil || st.Mode != unix.S_IFSOCK|0o660 || st.Uid != 0 || st.Gid != helperAPI {
			t.Errorf("mode %o, owner %d:%d, %v", st.Mode, st.Uid, st.Gid, err)
		}
		l, err := net.FileListener(f)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		as(t, 65534, helperAPI, func() {
			if conn, err := net.Dial("unix", path); err != nil {
				t.Errorf("a member of the group cannot connect: %v", err)
			} else {
				_ = conn.Close()
			}
		})
		if conn, err := l.Accept(); err != nil {
			t.Error(err)
		} else {
			_ = conn.Close()
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false) // the file is not hvd's
		}
		_ = l.Close()
	}
	// The helper keeps no copy: without hvd nobody listens, and hv can say so. It closes its copy after it
	// has answered, which may be a moment ago.
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Now().After(until) {
			t.Fatal("somebody listens though hvd is gone")
		}
	}
	if err := h.end(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("a dead socket is left: %v", err)
	}
}

func TestTheHelperKeepsNoFileOpenAfterVMsAndCancelledCalls(t *testing.T) {
	h := newHelperHost(t)
	program := "/proc/" + strconv.Itoa(h.cmd.Process.Pid) + "/fd"
	if _, err := h.client.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := len(entries(t, program))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.client.Hello(ctx); err == nil {
		t.Error("a cancelled call was answered")
	}
	for range 3 {
		reply, pidfd := h.mustLaunch(pausedQ35())
		h.monitor(reply)
		_ = pidfd.Close()
		h.remove(helperVM)
	}
	if after := len(entries(t, program)); after != before {
		t.Errorf("the helper had %d files open and has %d", before, after)
	}
}

func TestKVMIsJudgedByAProbe(t *testing.T) {
	h := newHelperHost(t)
	first, err := h.client.KVM(t.Context())
	if err != nil || first.Why == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	t.Logf("KVM: %+v", first)
	if second, err := h.client.KVM(t.Context()); err != nil || !reflect.DeepEqual(second, first) {
		t.Errorf("first %+v, then %+v, %v", first, second, err)
	}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	if flags := string(cpuinfo); first.OK && !strings.Contains(flags, " vmx") && !strings.Contains(flags, " svm") {
		t.Error("KVM on a CPU without it")
	}
	hello, err := h.client.Hello(t.Context())
	if err != nil || hello.RunFolder != h.run || len(hello.Programs) < 2 || (!hello.Cgroup.Enforced && len(hello.Compromise) == 0) {
		t.Errorf("hello %+v, %v", hello, err)
	}
}

func TestKVMIsInTheJailOfAVMThatMayUseIt(t *testing.T) {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		t.Skip(err)
	}
	h := newHelperHost(t)
	l := pausedQ35()
	l.KVM = true
	reply, _ := h.mustLaunch(l)
	h.monitor(reply)
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/root/dev/kvm", reply.PID), &st); err != nil || st.Uid != reply.UID || st.Mode != unix.S_IFCHR|0o600 {
		t.Errorf("/dev/kvm belongs to %d with mode %o, %v", st.Uid, st.Mode, err)
	}
}
