package helper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	systemd "github.com/coreos/go-systemd/v22/dbus"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/cgroup"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/scope"
)

const (
	webScope = "hyper-nixos-vm-web-0b8ff1a6.scope"
	webPlace = "hyper.slice/hyper-nixos.slice/" + webScope
)

// manager is a systemd that moves a process into its scope, in folders that look like /sys/fs/cgroup and /proc.
type manager struct {
	top, proc string
	place     string // of the process, as /proc says afterwards
	refuses   error
	stopped   []string
}

func (m *manager) StartTransientUnitContext(_ context.Context, _, _ string, props []systemd.Property, done chan<- string) (int, error) {
	if m.refuses != nil {
		return 0, m.refuses
	}
	for _, p := range props {
		pids, ok := p.Value.Value().([]uint32)
		if !ok {
			continue
		}
		dir := filepath.Join(m.proc, strconv.Itoa(int(pids[0])))
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "cgroup"), []byte("0::/"+m.place+"\n"), 0o600)); err != nil {
			return 0, err
		}
	}
	done <- "done"
	return 1, nil
}

func (m *manager) StopUnitContext(_ context.Context, name, _ string, done chan<- string) (int, error) {
	m.stopped = append(m.stopped, name)
	done <- "done"
	return 1, nil
}

func (m *manager) ResetFailedUnitContext(context.Context, string) error { return nil }
func (m *manager) Connected() bool                                      { return true }
func (m *manager) Close()                                               {}

// placed is a helper on a host with systemd and cgroup version 2, whose kernel's files are made by hand.
func placed(t *testing.T, place string) (*Helper, *manager, *guest) {
	t.Helper()
	m := &manager{top: t.TempDir(), proc: t.TempDir(), place: place}
	for _, dir := range []string{"", "hv-test", webPlace} {
		if err := os.MkdirAll(filepath.Join(m.top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"cgroup.controllers", "cgroup.subtree_control"} {
			if err := os.WriteFile(filepath.Join(m.top, dir, file), []byte("cpu memory pids\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := &Helper{
		log: &syncLog{}, proc: proc.FS(m.proc), units: scope.On(func() (scope.Units, error) { return m, nil }),
		tree: cgroup.Find("cgroup2 "+m.top+" cgroup2 rw 0 0\n", "hv-test"),
	}
	g := &guest{vm: vmA}
	g.record = run.Record{VM: vmA, Name: "web", PID: 42, Scope: h.scopeFor("web", vmA)}
	if g.record.Scope != webScope {
		t.Fatal(g.record.Scope)
	}
	return h, m, g
}

func TestUnderSystemdAVMStandsInItsScopeWithItsLimits(t *testing.T) {
	h, m, g := placed(t, webPlace)
	if err := h.enroll(g, cgroup.Limits{MemoryBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if g.record.Cgroup != webPlace {
		t.Errorf("the record says %q", g.record.Cgroup)
	}
	for file, want := range map[string]string{"cgroup.procs": "42", "memory.max": "1048576", "pids.max": "max"} {
		if got, err := os.ReadFile(filepath.Join(m.top, webPlace, "qemu", file)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", file, got, err)
		}
	}
	dir, err := h.place(g).links.Make(cgroup.Limits{})
	if err != nil || dir.Name() != filepath.Join(m.top, webPlace, "uplinks") {
		t.Fatalf("passts stand in %v, %v", dir, err)
	}
	_ = dir.Close() // a folder
}

func TestWhatStandsBesideQEMUHasLimitsOfItsOwn(t *testing.T) {
	for _, c := range []struct{ at, group, tpm string }{
		{webPlace, webPlace + "/shares", webPlace + "/tpm"},
		{"somewhere/else", "hv-test/" + vmA + ".shares", "hv-test/" + vmA + ".tpm"},
	} {
		h, m, g := placed(t, c.at)
		if err := h.enroll(g, cgroup.Limits{}); err != nil {
			t.Fatal(err)
		}
		for _, group := range []func() (*os.File, error){
			func() (*os.File, error) { return h.place(g).shares.Make(fsLimits) },
			func() (*os.File, error) { return h.place(g).tpm.Make(tpmLimits) },
		} {
			dir, err := group()
			if err != nil {
				t.Fatal(err)
			}
			_ = dir.Close() // a folder
		}
		for file, want := range map[string]string{
			c.group + "/memory.max": "1073741824", c.group + "/pids.max": "1024", c.tpm + "/memory.max": "67108864", c.tpm + "/pids.max": "16",
		} {
			if got, err := os.ReadFile(filepath.Join(m.top, file)); err != nil || string(got) != want {
				t.Errorf("%s is %q, %v", file, got, err)
			}
		}
	}
}

func TestWhereSystemdKeepsItsUnitsElsewhereOurOwnGroupHolds(t *testing.T) {
	h, m, g := placed(t, "somewhere/else")
	if err := h.enroll(g, cgroup.Limits{Pids: 7}); err != nil || g.record.Cgroup != "" {
		t.Fatalf("%v, %q", err, g.record.Cgroup)
	}
	if got, err := os.ReadFile(filepath.Join(m.top, "hv-test", vmA, "pids.max")); err != nil || string(got) != "7" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAVMLeavesNoUnit(t *testing.T) {
	h, m, g := placed(t, webPlace)
	g.record.Cgroup = webPlace
	if err := errors.Join(h.leave(g), h.leave(g)); err != nil {
		t.Fatal(err)
	}
	if len(m.stopped) != 2 || m.stopped[0] != webScope {
		t.Errorf("%v", m.stopped)
	}
	h.units = nil // the next helper, on a host whose systemd is gone
	if err := h.leave(g); err != nil {
		t.Error(err)
	}
}

func TestAVMWithoutAUnitWhereSystemdCannotBeAsked(t *testing.T) {
	log := &syncLog{}
	h := &Helper{log: log, units: scope.On(func() (scope.Units, error) { return nil, errors.New("refused") })}
	if got := h.scopeFor("web", vmA); got != "" || !strings.Contains(log.String(), "refused") {
		t.Errorf("%q, %s", got, log.String())
	}
	if got := (&Helper{}).scopeFor("web", vmA); got != "" {
		t.Errorf("without systemd: %q", got)
	}
	if err := (&Helper{}).enroll(&guest{}, cgroup.Limits{}); err != nil {
		t.Error(err)
	}
}

func TestARefusalOfSystemdsIsTold(t *testing.T) {
	h, m, g := placed(t, webPlace)
	m.refuses = errors.New("no")
	if err := h.enroll(g, cgroup.Limits{}); fault.KindOf(err) != fault.Unavailable || fault.HintOf(err) == "" {
		t.Errorf("%v", err)
	}
}
