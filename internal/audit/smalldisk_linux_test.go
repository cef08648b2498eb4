package audit_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A real file system that is really full: a tmpfs in a user and mount namespace of the child's own,
// which needs no root where the kernel lets users have them.
func TestOnAFullDiskNothingIsHalfWrittenAndTheLogGoesOnOnceThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command("/bin/sh", "-c", `mount -t tmpfs -o size=1m none "$1" && head -c 400000 /dev/zero >"$1/ballast" && exec "$2"`,
		"sh", dir, os.Args[0])
	child.Env = append(os.Environ(), smallDiskDir+"="+dir)
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	if strings.Contains(string(out), "mount:") || err != nil && len(out) == 0 {
		t.Skipf("no namespaces for users here: %v %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 5 || !strings.HasPrefix(lines[0], "no room for the audit log in "+dir) {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := strings.Join(lines[1:], ", "); got != "true, <nil>, <nil>, true 0 []" {
		t.Errorf("got %s", got)
	}
}
