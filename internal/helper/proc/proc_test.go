package proc

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const statLine = "4242 (qemu) (x) R 1 4242 4242 0 -1 4194560 9001 0 12 0 150 25 0 0 20 0 5 0 262649 1500000000 9500 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"

// fake is a procfs with one process.
func fake(t *testing.T, files map[string]string) FS {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return FS(root)
}

func TestANameWithParenthesesDoesNotShiftTheFields(t *testing.T) {
	got, err := ParseStat([]byte(statLine))
	want := Stat{State: 'R', StartTime: 262649, CPUMicros: 1_750_000, Threads: 5, RSSPages: 9500}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func FuzzParseStat(f *testing.F) {
	for _, s := range []string{statLine, "", "1 (x", ") R", "1 (a) Z 1 2"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := ParseStat(data); err == nil && s.State == 0 {
			t.Errorf("%q has no state", data)
		}
	})
}

func TestUsageIsReadAsTheKernelTellsIt(t *testing.T) {
	fs := fake(t, map[string]string{
		"4242/stat":         statLine,
		"4242/io":           "rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n",
		"4242/smaps_rollup": "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:  37000 kB\nPss:  16100 kB\nPss_Dirty: 3 kB\n",
	})
	page := int64(os.Getpagesize())
	want := Usage{CPUMicros: 1_750_000, RSSBytes: 9500 * page, PSSBytes: 16100 << 10, ReadBytes: 4096, WriteBytes: 8192, Threads: 5}
	if got, err := fs.Usage(4242, true); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	want.PSSBytes = 0
	if got, err := fs.Usage(4242, false); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := fs.Usage(1, false); err == nil {
		t.Error("a process that is not there has a usage")
	}
}

func TestThreadsOfAPidNamespaceAreFoundOnTheHost(t *testing.T) {
	fs := fake(t, map[string]string{
		"4242/task/4242/status": "Name:\tqemu\nNSpid:\t4242\t1\n",
		"4242/task/4250/status": "Name:\tCPU 0/TCG\nNSpid:\t4250\t7\t3\n",
	})
	got, err := fs.Threads(4242)
	if want := map[int]int{1: 4242, 3: 4250}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestProcessesAreFoundByTheirRealUIDAndZombiesLeftOut(t *testing.T) {
	zombie := "12 (x) Z" + statLine[len("4242 (qemu) (x) R"):]
	fs := fake(t, map[string]string{
		"10/status": "Uid:\t1000\t0\t0\t0\n", "10/stat": statLine,
		"11/status": "Uid:\t1001\t1001\t1001\t1001\nSeccomp:\t2\n", "11/stat": statLine,
		"12/status": "Uid:\t1002\t0\t0\t0\n", "12/stat": zombie,
		"13/status": "Uid:\t1004\t0\t0\t0\n", "13/stat": statLine,
		"14/status": "Uid:\tmany\n", "self/status": "Uid:\t1000\t0\t0\t0\n",
		"sys/kernel/random/boot_id": "a-b\n",
	})
	got, err := fs.WithUIDs(1000, 4)
	if want := map[int]uint32{10: 1000, 11: 1001}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for first, want := range map[uint32]bool{1000: false, 1001: false, 1002: true, 1003: false, 1005: true} {
		if users, err := fs.Users(first, 2); err != nil || (len(users) == 0) != want {
			t.Errorf("uids %d and the next: used by %v, %v; want unused %v", first, users, err, want)
		}
	}
	if fs.Sealed(10) || !fs.Sealed(11) || fs.Sealed(99) {
		t.Error("seccomp is misread")
	}
	if boot, err := fs.BootID(); err != nil || boot != "a-b" {
		t.Errorf("%q, %v", boot, err)
	}
}

func TestTheKernelKnowsWhichUIDsAreUnused(t *testing.T) {
	me := uint32(os.Getuid())
	if users, err := Host.Users(me, 1); err != nil || users[os.Getpid()] != me {
		t.Errorf("the uid of this test: used by %v, %v", users, err)
	}
	if users, err := Host.Users(3_999_999_990, 4); err != nil || len(users) > 0 {
		t.Errorf("uids that nobody has: used by %v, %v", users, err)
	}
}

func TestAProgramIsKnownByTheNameThatItsExecGaveIt(t *testing.T) {
	fs := fake(t, map[string]string{"10/comm": "qemu-system-x86\n", "11/comm": "hv-helper\n"})
	const qemu = "/usr/bin/qemu-system-x86_64"
	if !fs.Runs(10, qemu) || fs.Runs(11, qemu) || fs.Runs(12, qemu) || !fs.Runs(11, "/x/hv-helper") {
		t.Error("the wrong program was seen")
	}
}

func TestAHandleMeansOneProcessOnly(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stat, err := Host.Stat(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Host.Find(cmd.Process.Pid, stat.StartTime+1); !errors.Is(err, ErrGone) {
		t.Errorf("another process of the same pid: %v", err)
	}
	h, err := Host.Find(cmd.Process.Pid, stat.StartTime)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if !h.Alive() || h.Gone(0) {
		t.Error("it lives")
	}
	copied, err := h.File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = copied.Close() }()
	if err := h.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !h.Gone(20*time.Second) || h.Alive() {
		t.Error("it is gone, though a zombie")
	}
	_ = cmd.Wait() // it was killed
	if err := h.Signal(unix.SIGKILL); err != nil {
		t.Errorf("a signal to who is gone: %v", err)
	}
	if _, err := Host.Find(cmd.Process.Pid, stat.StartTime); !errors.Is(err, ErrGone) {
		t.Errorf("found: %v", err)
	}
}

// BenchmarkUsage is what one VM costs in a sample: two files of procfs.
func BenchmarkUsage(b *testing.B) {
	for b.Loop() {
		if _, err := Host.Usage(os.Getpid(), false); err != nil {
			b.Fatal(err)
		}
	}
}
