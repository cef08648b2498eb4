//go:build e2e

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// libvirt is libvirtd as the distribution ships it, started for one benchmark.
type libvirt struct {
	*testing.B
	dir string
}

// startLibvirt starts libvirtd and virtlogd where none run. Where /dev/kvm boots no guest libvirt
// asks QEMU anew what it can do before every start, 40 s of it: it is shown none, to its advantage.
func startLibvirt(b *testing.B) *libvirt {
	b.Helper()
	for _, program := range []string{"libvirtd", "virtlogd", "virsh"} {
		if _, err := exec.LookPath(program); err != nil {
			b.Skipf("%v: apt-get install libvirt-daemon-system libvirt-clients", err)
		}
	}
	if out, err := exec.Command("pidof", "libvirtd").Output(); err == nil { //nolint:noctx // it ends by itself
		b.Skipf("libvirtd runs already (pid %s): it may have domains of somebody", strings.TrimSpace(string(out)))
	}
	l := &libvirt{B: b, dir: b.TempDir()}
	for _, script := range []string{
		"exec virtlogd -d -p " + l.pid("virtlogd"),
		"[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm; exec libvirtd -d -p " + l.pid("libvirtd"),
	} {
		out, err := exec.Command("unshare", "--mount", "sh", "-c", script).CombinedOutput() //nolint:noctx // it ends by itself
		if err != nil {
			b.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	b.Cleanup(func() {
		for _, name := range []string{"libvirtd", "virtlogd"} {
			if data, err := os.ReadFile(l.pid(name)); err == nil {
				_ = exec.Command("kill", strings.TrimSpace(string(data))).Run() //nolint:noctx // it ends by itself
			}
		}
	})
	l.virsh("list")
	return l
}

func (l *libvirt) pid(name string) string { return filepath.Join(l.dir, name+".pid") }

// daemon is libvirtd's process ID.
func (l *libvirt) daemon() int {
	l.Helper()
	data, err := os.ReadFile(l.pid("libvirtd"))
	must(l.B, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	must(l.B, err)
	return n
}

// virsh runs one command and returns how long that took.
func (l *libvirt) virsh(args ...string) time.Duration {
	l.Helper()
	begin := time.Now()
	out, err := l.try(args...)
	took := time.Since(begin)
	if err != nil {
		l.Fatalf("virsh %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return took
}

func (l *libvirt) try(args ...string) (string, error) {
	out, err := exec.Command("virsh", append([]string{"-c", "qemu:///system"}, args...)...).CombinedOutput() //nolint:noctx // it ends by itself
	return string(out), err
}

// file writes the domain that is like a tiny VM of ours, and returns its path.
func (l *libvirt) file(name string) string {
	l.Helper()
	path := filepath.Join(l.dir, name+".xml")
	must(l.B, os.WriteFile(path, fmt.Appendf(nil, `<domain type='qemu'><name>%s</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>
`, name), 0o600))
	return path
}

// script runs many commands in one virsh, as who is in a hurry would.
func (l *libvirt) script(lines []string) time.Duration {
	l.Helper()
	cmd := exec.Command("virsh", "-c", "qemu:///system") //nolint:noctx // it ends by itself
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	if err != nil || strings.Contains(string(out), "error:") {
		l.Fatalf("virsh: %v\n%.2000s", err, out)
	}
	return took
}
