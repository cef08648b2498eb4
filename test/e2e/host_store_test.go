//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// findings are the codes that hv host lists.
func findings(t *testing.T, h *onehost.Host) (codes []string, host wire.Host) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, h, "host", "-o", "json")), &host); err != nil {
		t.Fatal(err)
	}
	for _, f := range host.Findings {
		codes = append(codes, f.Code)
	}
	return codes, host
}

func ownerOf(info os.FileInfo) uint32 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return st.Uid
}

func told(codes []string, code string) bool { return slices.Contains(codes, code) }

func TestADamagedStoreIsRestoredWhileItsVMsRun(t *testing.T) {
	h := onehost.New(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "kept"; memory = "64MiB"; }`))
	must(t, h, "store", "snapshot", "--state", h.State)
	must(t, h, "vm", "start", "kept")
	pid := h.WaitState(t.Context(), "kept", "running").Status.Power.Process.PID
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "unknown"; memory = "64MiB"; power = "on"; }`))
	stray := h.WaitState(t.Context(), "unknown", "running").Status.Power.Process.PID
	must(t, h, "store", "check", "--state", h.State)
	refused(t, h, 1, []string{"in use by process", "HV-STORE-003"}, "store", "restore", "--state", h.State, "--yes")

	if err := h.EndHVD(syscall.SIGTERM); err != nil { // after a kill the write-ahead log would mend it
		t.Error(err)
	}
	path := filepath.Join(h.State, "store", "store.db")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 4096), 0); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if said, code := h.RunHVD(); code != 65 || !strings.Contains(said, path+" is damaged") || !strings.Contains(said, "HV-STORE-001") || !strings.Contains(said, "sudo hv store restore") {
		t.Fatalf("exit %d: %s", code, said)
	}
	refused(t, h, 1, []string{"try: sudo hv store restore"}, "store", "check", "--state", h.State)
	must(t, h, "store", "restore", "--state", h.State, "--yes")
	if info, err := os.Stat(path); err != nil || ownerOf(info) != onehost.UserHVD {
		t.Errorf("the store is not hvd's: %v", err)
	}
	h.StartHVD()
	if now := h.WaitState(t.Context(), "kept", "running").Status.Power.Process.PID; now != pid {
		t.Errorf("it is process %d now, and was %d", now, pid)
	}
	codes, host := findings(t, h)
	if !told(codes, "HV-STORE-009") || !told(codes, "HV-HOST-006") || host.Keeping == nil || host.Keeping.Store == 0 {
		t.Errorf("%v %+v", codes, host.Keeping)
	}
	if err := syscall.Kill(stray, 0); err != nil {
		t.Errorf("the VM that is not known was ended: %v", err)
	}
	must(t, h, "audit", "verify", filepath.Join(h.State, "audit"))
	must(t, h, "vm", "kill", "kept") // there is no guest in it that could be asked
}

func TestADeclarationThatIsRefusedAtTheStartIsToldByTheHost(t *testing.T) {
	h := onehost.New(t)
	if err := h.EndHVD(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	path := file(t, "declaration.nix", `{ hypervisor.vms.web.cpu = 2; }`)
	for dir := filepath.Dir(path); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755) //nolint:gosec // hvd, who is somebody else, must pass
	}
	h.StartHVD("--declaration", path)
	codes, host := findings(t, h)
	if !told(codes, "HV-CFG-005") || !strings.Contains(host.Findings[len(host.Findings)-1].Why, "web.cpu") {
		t.Errorf("%+v", host.Findings)
	}
	for _, verb := range []string{"status", "show"} {
		if out := must(t, h, "config", verb, "-o", "json"); !strings.Contains(out, "HV-CFG-005") || !strings.Contains(out, "web.cpu") {
			t.Errorf("hv config %s:\n%s", verb, out)
		}
	}
	refused(t, h, 1, []string{"HV-CFG-001", path}, "config", "apply", "--yes", file(t, "other.nix", "{ }"))
}

// A real file system that is really full.
func TestOnAFullDiskNothingIsDoneThatCannotBeRecordedAndItGoesOnOnceThereIsRoom(t *testing.T) {
	disk, err := os.MkdirTemp("/var/tmp", "hv-disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(disk) })
	if err := unix.Mount("none", disk, "tmpfs", 0, "size=300m,mode=0755"); err != nil {
		t.Skipf("no file system of our own here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	parent := filepath.Join(disk, "host")
	if err := os.Mkdir(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	h := onehost.NewIn(t, parent)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "runs"; memory = "64MiB"; power = "on"; }`))
	h.WaitState(t.Context(), "runs", "running")

	ballast := filepath.Join(disk, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = f.Write(block)
		if err != nil && len(block) > 512 {
			block, err = block[:len(block)/2], nil
		}
	}
	_ = f.Close()
	if codes, _ := findings(t, h); !told(codes, "HV-STORE-006") {
		t.Errorf("the full disk is not told: %v", codes)
	}
	var full bool
	for i := range 200 { // what a page had left over is used up first
		out, errs, code := h.HV(t.Context(), nil, "vm", "create", "more-"+string(rune('a'+i%26))+string(rune('a'+i/26)), "--memory", "64MiB")
		if code != 0 {
			full = strings.Contains(errs, "HV-AUDIT-002") || strings.Contains(errs, "HV-STORE-004")
			if !full {
				t.Fatalf("exit %d: %s%s", code, out, errs)
			}
			break
		}
	}
	if !full {
		t.Fatal("nothing was refused on a full disk")
	}
	must(t, h, "vm", "kill", "runs") // what makes room goes, with its outcome
	h.WaitState(t.Context(), "runs", "off")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	must(t, h, "vm", "create", "after", "--memory", "64MiB")
	must(t, h, "vm", "start", "runs")
	must(t, h, "audit", "verify", filepath.Join(h.State, "audit"))
	must(t, h, "store", "check", "--state", h.State)
	out := must(t, h, "audit", "export", filepath.Join(h.State, "audit"))
	if !strings.Contains(out, `"action":"vm.kill"`) || strings.Count(out, `"action":"vm.kill"`) != 2 {
		t.Errorf("the kill has not both its records:\n%s", out)
	}
}
