//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
)

// tpmSays sends one command to the guest's TPM and shows its answer in hex. The guest has no tools for it.
// Source: TPM 2.0 Library, part 3, TPM2_NV_DefineSpace and TPM2_NV_ReadPublic.
const tpmSays = `tpm() { exec 3<>/dev/tpm0; printf "$1" >&3; dd bs=4096 count=1 <&3 2>/dev/null | hexdump -ve '1/1 "%02x"'; exec 3>&-; echo; }` + "\n"

const (
	define = `tpm '\x80\x02\x00\x00\x00\x2d\x00\x00\x01\x2a\x40\x00\x00\x01\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00` +
		`\x00\x00\x00\x0e\x01\x80\x00\x01\x00\x0b\x00\x06\x00\x06\x00\x00\x00\x08'; echo do''ne` + "\n"
	public = `tpm '\x80\x01\x00\x00\x00\x0e\x00\x00\x01\x69\x01\x80\x00\x01'; echo do''ne` + "\n"
)

func TestAGuestHasATPMOfItsOwnThatKeepsWhatItWasGiven(t *testing.T) {
	if _, err := os.Stat("/usr/bin/swtpm"); err != nil {
		t.Skipf("%v: apt-get install swtpm", err)
	}
	h := bootable(t)
	booted(t, h, "sealed", `tpm = {};`)
	if got := say(t, h, "sealed", tpmSays+"cat /sys/class/tpm/tpm0/tpm_version_major; "+define, "done"); !strings.Contains(got, "\n2\r") || !strings.Contains(got, "800200000013000000000000") {
		t.Fatalf("the guest's TPM:\n%s", got)
	}
	vm := h.WaitState(t.Context(), "sealed", "running")
	folder := filepath.Join(h.State, "nvram", vm.Spec.UUID+".tpm")
	info, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatalf("%T is no stat of Linux", info.Sys())
	}
	if st.Uid < uid.First || (st.Uid-uid.First)%uid.Block != uid.SWTPM {
		t.Errorf("the TPM's state belongs to uid %d", st.Uid)
	}
	left := func() (pids []string) {
		all, _ := filepath.Glob("/proc/[0-9]*/status")
		for _, path := range all {
			text, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(text), "Name:\tswtpm\n") {
				pids = append(pids, path)
			}
		}
		return pids
	}
	pids := left()
	if len(pids) != 1 {
		t.Fatalf("swtpms: %v", pids)
	}
	status, err := os.ReadFile(pids[0])
	if err != nil || !strings.Contains(string(status), "CapEff:\t0000000000000000\n") || !strings.Contains(string(status), "NoNewPrivs:\t1\n") || !strings.Contains(string(status), "Seccomp:\t2\n") {
		t.Errorf("%v: swtpm has privileges:\n%s", err, status)
	}
	if root, err := os.ReadDir(strings.TrimSuffix(pids[0], "status") + "root"); err == nil {
		for _, e := range root {
			if e.Name() == "etc" || e.Name() == "home" {
				t.Errorf("swtpm sees the host's /%s", e.Name())
			}
		}
	}

	must(t, h, "vm", "kill", "sealed") // as a power cut: nobody tells the TPM
	for until := time.Now().Add(time.Minute); len(left()) > 0 && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond) // no event tells of another's child
	}
	if pids := left(); len(pids) > 0 {
		t.Fatalf("swtpm outlives its QEMU: %v", pids)
	}
	must(t, h, "vm", "start", "sealed")
	must(t, h, "vm", "console", "sealed", "--until", "guest: ready", "--timeout", "2m")
	// The answer begins with its tag, its size, and success; then comes the index.
	if got := say(t, h, "sealed", tpmSays+public, "done"); !strings.Contains(got, "00000000000e01800001") {
		t.Errorf("what the TPM was given is gone after a power cut:\n%s", got)
	}
	must(t, h, "vm", "delete", "--yes", "--force", "sealed")
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("a deleted VM left what its TPM kept: %v", err)
	}
}
