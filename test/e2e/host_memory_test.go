//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// setAside gives the host that many more huge pages of 2MiB, and takes them away after the test.
func setAside(t *testing.T, n int) {
	t.Helper()
	const file = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
	was := number(t, file, `^(\d+)`)
	t.Cleanup(func() { _ = os.WriteFile(file, []byte(strconv.Itoa(was)), 0o644) })
	if err := os.WriteFile(file, []byte(strconv.Itoa(was+n)), 0o644); err != nil {
		t.Skipf("no huge pages can be set aside here: %v", err)
	}
	if got := number(t, file, `^(\d+)`); got < was+n {
		t.Skipf("the kernel sets aside %d huge pages of %d", got-was, n)
	}
}

// number reads the first number that matches in a file.
func number(t *testing.T, file, pattern string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("this kernel does not say: %v", err)
	}
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s says no %s", file, pattern)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// mayLock reports whether this host's root may let a process lock all of its memory. In a container it often may not.
func mayLock(t *testing.T) bool {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_MEMLOCK, &was); err != nil {
		t.Fatal(err)
	}
	most := syscall.Rlimit{Cur: was.Cur, Max: ^uint64(0)}
	if err := syscall.Setrlimit(unix.RLIMIT_MEMLOCK, &most); err != nil {
		t.Logf("nothing is locked here: %v", err)
		return false
	}
	return true
}

func TestAGuestHasHugePagesNodesAndLockedMemory(t *testing.T) {
	free := func() int { return number(t, "/proc/meminfo", `HugePages_Free: +(\d+)`) }
	setAside(t, 140)
	before := free()
	h, locks := bootable(t), mayLock(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("huge", `cpus = 2; memoryBacking = { hugePages = "2MiB"; locked = `+strconv.FormatBool(locks)+`; };
		numa = { "0" = { hostNodes = "0"; }; "1" = { }; };`)))
	must(t, h, "vm", "start", "huge")
	g := at(t, h, "huge")
	if taken := before - free(); taken != 128 {
		t.Errorf("its 256MiB are %d huge pages", taken)
	}
	pid := h.WaitState(t.Context(), "huge", "running").Status.Power.Process.PID
	status := filepath.Join("/proc", strconv.Itoa(pid), "status")
	if locked := number(t, status, `VmLck:\s+(\d+)`); (locked > 0) != locks {
		t.Errorf("%d kB are locked", locked)
	}
	g.says(`nodes=2 cpu1=1\.`, `echo "nodes=$(ls -d /sys/devices/system/node/node[0-9]* | wc -l) cpu1=$(basename /sys/devices/system/cpu/cpu1/node* | tr -dc 0-9)."`)

	must(t, h, "vm", "create", "-f", file(t, "more.nix", tiny("more", `memoryBacking.hugePages = "2MiB";`)))
	refused(t, h, 1, []string{"HV-VM-115", "needs 128 huge pages", "nr_hugepages"}, "vm", "start", "more")
	refused(t, h, 1, []string{"HV-VM-111"}, "vm", "edit", "more", "--set", "balloon=true")

	// Memory of huge pages is saved and read as any other.
	g.says(`set=1\.`, `echo before >/tmp/marker; echo "set=$((0+1))."`)
	must(t, h, "vm", "suspend", "huge")
	if got := free(); got != before {
		t.Errorf("%d huge pages are free, and %d were", got, before)
	}
	must(t, h, "vm", "start", "huge")
	g = at(t, h, "huge")
	g.says(`is=before\.`, `echo "is=$(cat /tmp/marker)."`)
	must(t, h, "vm", "kill", "huge")
	must(t, h, "vm", "start", "more")
	if out := must(t, h, "vm", "show", "more"); !strings.Contains(out, "memoryBacking.hugePages") {
		t.Error(out)
	}
}
