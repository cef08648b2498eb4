//go:build e2e

package monitor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// start starts a QEMU that is paused for ever and returns the path of its monitor.
func start(t *testing.T) string {
	t.Helper()
	const program = "qemu-system-x86_64"
	if _, err := exec.LookPath(program); err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "qmp")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	q := exec.Command(program, "-S", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-accel", "tcg",
		"-uuid", uuid, "-name", "guest=web", "-action", "shutdown=pause,panic=pause",
		"-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
		"-device", "pcie-root-port,id=rp1,bus=pcie.0")
	q.ExtraFiles = []*os.File{f}
	q.Stderr = os.Stderr
	if err := q.Start(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	t.Cleanup(func() { _ = q.Process.Kill(); _ = q.Wait() })
	return path
}

func TestTheRealQEMUAnswersEveryCommandWeHave(t *testing.T) {
	m := dial(t, start(t), Options{UUID: uuid, Greeting: time.Minute, Events: true})
	ctx := t.Context()
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "disk"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var set qmp.AddedFD
	for _, do := range []func() error{
		func() error { _, err := qmp.QueryStatus(ctx, m); return err },
		func() error { _, err := qmp.QueryVersion(ctx, m); return err },
		func() error { _, err := qmp.QueryKVM(ctx, m); return err },
		func() error { return some(qmp.QueryCPUs(ctx, m)) },
		func() error { return some(qmp.QueryMachines(ctx, m)) },
		func() error { return some(qmp.QueryCPUModels(ctx, m)) },
		func() error { return some(qmp.QueryChardevs(ctx, m)) },
		func() error { return some(qmp.QueryCommands(ctx, m)) },
		func() error { return some(qmp.QuerySchema(ctx, m)) },
		func() error { _, err := qmp.QueryJobs(ctx, m); return err },
		func() error { _, err := qmp.QueryBlockJobs(ctx, m); return err },
		func() (err error) { set, err = qmp.AddFD(ctx, m, file, -1, "disk"); return err },
		func() error { return some(qmp.QueryFDSets(ctx, m)) },
		func() error {
			return qmp.BlockdevAdd(ctx, m, map[string]any{"driver": "file", "node-name": "d", "filename": fmt.Sprintf("/dev/fdset/%d", set.Set)})
		},
		func() error { return some(qmp.QueryBlockNodes(ctx, m)) },
		func() error { return qmp.BlockdevDel(ctx, m, "d") },
		func() error { return qmp.RemoveFD(ctx, m, set.Set, -1) },
		func() error { return qmp.GetFD(ctx, m, file, "f") },
		func() error { return qmp.CloseFD(ctx, m, "f") },
		func() error {
			return qmp.NetdevAdd(ctx, m, map[string]any{"type": "hubport", "id": "n", "hubid": 0})
		},
		func() error { return qmp.SetLink(ctx, m, "n", false) },
		func() error { return qmp.NetdevDel(ctx, m, "n") },
		func() error {
			return qmp.DeviceAdd(ctx, m, map[string]any{"driver": "virtio-rng-pci", "id": "r", "bus": "rp1"})
		},
		func() error { return qmp.DeviceDel(ctx, m, "r") },
		func() error { _, err := m.Execute(ctx, qmp.Command{Name: "query-yank", OOB: true}); return err },
		func() error { return qmp.Cont(ctx, m) },
		func() error { return qmp.Stop(ctx, m) },
		func() error { return qmp.SystemPowerdown(ctx, m) },
		func() error { return qmp.SystemReset(ctx, m) },
	} {
		if err := do(); err != nil {
			t.Error(err)
		}
	}
	if name, err := qmp.QueryName(ctx, m); name != "web" {
		t.Errorf("name %q, %v", name, err)
	}
	for what, err := range map[string]error{
		"job-dismiss": qmp.JobDismiss(ctx, m, "nope"), "job-cancel": qmp.JobCancel(ctx, m, "nope"),
		"blockdev-del": qmp.BlockdevDel(ctx, m, "nope"), "device_del": qmp.DeviceDel(ctx, m, "nope"),
	} {
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := m.Execute(ctx, qmp.Command{Name: "fly"}); !errors.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "this QEMU has no command fly") {
		t.Errorf("an unknown command: %v", err)
	}
	if err := qmp.Quit(ctx, m); err != nil {
		t.Error(err)
	}
	var heard []string
	e, err := m.Next(ctx)
	for ; err == nil; e, err = m.Next(ctx) {
		if e.Name != qmp.EventDeviceDeleted { // firmware that runs for a moment may or may not let go of the device
			heard = append(heard, e.Name)
		}
	}
	if got, want := strings.Join(heard, " "), "RESUME STOP POWERDOWN RESET SHUTDOWN"; got != want || !errors.Is(err, io.EOF) {
		t.Errorf("heard %s, %v; want %s", got, err, want)
	}
	<-m.Done()
}

func some[T any](list []T, err error) error {
	if err == nil && len(list) == 0 {
		err = errors.New("an empty list")
	}
	return err
}

func TestTheRealQEMUServesOneClientAtATime(t *testing.T) {
	path := start(t)
	first := dial(t, path, Options{UUID: uuid, Greeting: time.Minute})
	began := time.Now()
	_, err := Dial(t.Context(), path, Options{VM: "web", UUID: uuid})
	if !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "no greeting within 2s") {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	_ = first.Close()
	dial(t, path, Options{UUID: uuid})
}
