//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

const shareOwner = 4711

// sharedFolder makes a folder that can be shared, with a file of its owner's and one of root's own.
func sharedFolder(t *testing.T, name string) string {
	t.Helper()
	above, err := os.MkdirTemp("/srv", "hv-share-")
	if err != nil {
		t.Skipf("no folder below /srv: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(above) })
	dir := filepath.Join(above, name)
	for _, err := range []error{
		os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "hello"), []byte("of the host\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "roots"), []byte("secret\n"), 0o600), os.Chown(filepath.Join(dir, "hello"), shareOwner, shareOwner),
		os.Symlink("/etc/passwd", filepath.Join(dir, "out")), os.Chown(dir, shareOwner, shareOwner),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// virtiofsds are the processes that serve shares: their status files.
func virtiofsds() (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range all {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "Name:\tvirtiofsd\n") {
			found = append(found, path)
		}
	}
	return found
}

func withVirtiofsd(t *testing.T) *onehost.Host {
	t.Helper()
	for _, path := range []string{"/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"} {
		if _, err := os.Stat(path); err == nil {
			return bootable(t)
		}
	}
	t.Skip("no virtiofsd: apt-get install virtiofsd, or qemu-system-common on Debian 12")
	return nil
}

func TestAGuestReadsAndWritesAFolderOfTheHostAsTheFoldersOwner(t *testing.T) {
	h := withVirtiofsd(t)
	dir := sharedFolder(t, "data")
	must(t, h, "share", "create", "data", "--path", dir)
	refused(t, h, 1, []string{"HV-VM-017", "hv share create nothing"}, "vm", "create", "none", "--share", "nothing")
	booted(t, h, "web", `shares = { data = { share = "data"; }; seen = { share = "data"; readOnly = true; }; };`)
	got := say(t, h, "web", "mount -t virtiofs data /mnt && cat /mnt/hello && echo of the guest > /mnt/answer && mkdir /mnt/sub; cat /mnt/roots; ls /mnt/out/; stat -c 'owner %u' /mnt/hello; umount /mnt; "+
		"mount -t virtiofs seen /mnt && cat /mnt/answer; echo no > /mnt/refused; echo do''ne\n", "done")
	for _, want := range []string{"of the host", "can't open '/mnt/roots'", "owner 0", "of the guest", "Read-only file system"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in what the guest says:\n%s", want, got)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "answer"))
	if err != nil {
		t.Fatal(err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != shareOwner || st.Gid != shareOwner {
		t.Errorf("what the guest wrote belongs to %+v", info.Sys())
	}
	refused(t, h, 1, []string{"HV-SHARE-005", "web"}, "share", "delete", "data")
	refused(t, h, 1, []string{"virtiofs"}, "vm", "suspend", "web")
	must(t, h, "vm", "resume", "web")
	confinedVirtiofsd(t)

	pid := 0
	all := virtiofsds()
	if len(all) != 2 {
		t.Fatalf("virtiofsds: %v", all)
	}
	if _, err := fmt.Sscanf(all[0], "/proc/%d/status", &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) { // QEMU has no event of it
		if out := must(t, h, "vm", "show", "web", "-o", "json"); strings.Contains(out, "HV-SHARE-007") {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("nobody tells that a virtiofsd has ended:\n%s", must(t, h, "vm", "show", "web"))
		}
	}
	must(t, h, "vm", "kill", "web")
	for until := time.Now().Add(time.Minute); len(virtiofsds()) > 0 && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond) // no event tells of another's child
	}
	if left := virtiofsds(); len(left) > 0 {
		t.Fatalf("virtiofsd outlives its QEMU: %v", left)
	}
	must(t, h, "vm", "delete", "--yes", "web")
	must(t, h, "share", "delete", "data")
}

// confinedVirtiofsd holds the processes against what they may be: of the VM's own uid, root of nothing but a namespace of
// their own, filtered, and shut into their folder.
func confinedVirtiofsd(t *testing.T) {
	t.Helper()
	for _, path := range virtiofsds() {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var id uint32
		for line := range strings.Lines(string(text)) {
			if _, err := fmt.Sscanf(line, "Uid:\t%d", &id); err == nil {
				break
			}
		}
		if id < uid.First || (id-uid.First)%uid.Block != uid.FS {
			t.Errorf("%s: uid %d", path, id)
		}
		for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s has no %q", path, want)
			}
		}
		if limits, err := os.ReadFile(strings.TrimSuffix(path, "status") + "limits"); err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max processes 1024 1024") {
			t.Errorf("%s: its limits are %s, %v", path, limits, err)
		}
		own, err := os.Readlink(strings.TrimSuffix(path, "status") + "ns/user")
		if host, _ := os.Readlink("/proc/self/ns/user"); err != nil || own == host {
			t.Errorf("%s is in the host's user namespace: %s, %v", path, own, err)
		}
		if names, err := os.ReadDir(strings.TrimSuffix(path, "status") + "root"); err == nil {
			for _, e := range names {
				if e.Name() == "etc" || e.Name() == "usr" {
					t.Errorf("virtiofsd sees /%s", e.Name())
				}
			}
		}
	}
}

func TestAShareOfRootsOwnIsReadAndNeverWrittenTo(t *testing.T) {
	h := withVirtiofsd(t)
	dir := sharedFolder(t, "own")
	if err := os.Chown(dir, 0, 0); err != nil {
		t.Fatal(err)
	}
	must(t, h, "share", "create", "own", "--path", dir)
	must(t, h, "vm", "create", "web", "--memory", "64MiB", "--share", "own")
	refused(t, h, 1, []string{"HV-SHARE-006", "chown USER:GROUP " + dir}, "vm", "start", "web")
	if left := virtiofsds(); len(left) > 0 {
		t.Errorf("a VM that did not start left %v", left)
	}
	must(t, h, "vm", "delete", "--yes", "web")
}
