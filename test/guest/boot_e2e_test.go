//go:build e2e

package guest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is ten times what a guest needs on a quiet machine of two cores.
const patience = 60 * time.Second

// machine is a QEMU of this test, without the product: it tests the guest alone.
type machine struct {
	t      *testing.T
	input  io.Writer
	lines  chan string // of the serial console
	ended  chan error
	folder string
}

// boot starts the guest with the given disk, fds (from 3 on) and further arguments; QEMU is gone when the
// test ends.
func boot(t *testing.T, disk string, fds []*os.File, more ...string) *machine {
	t.Helper()
	cache, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	g, err := Build(t.Context(), cache, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, lines: make(chan string, 1000), ended: make(chan error, 1), folder: t.TempDir()}
	args := append([]string{
		"-M", "q35", "-accel", "tcg", "-m", "192", "-nodefaults", "-no-user-config", "-display", "none",
		"-serial", "stdio", "-qmp", "unix:" + m.monitor() + ",server=on,wait=off",
		"-kernel", g.Kernel, "-initrd", g.Initrd, "-append", CommandLine(cpuinfo) + " hostname=tiny",
		"-blockdev", "driver=raw,node-name=d0,file.driver=file,file.filename=" + disk, "-device", "virtio-blk-pci,drive=d0",
		"-device", "virtio-rng-pci",
	}, more...)
	ctx, kill := context.WithCancel(context.WithoutCancel(t.Context()))
	qemu := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	qemu.Stderr, qemu.ExtraFiles = t.Output(), fds
	if m.input, err = qemu.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	console, err := qemu.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := qemu.Start(); err != nil {
		t.Fatalf("%v (hint: scripts/deps.sh test)", err)
	}
	go func() {
		for s := bufio.NewScanner(console); s.Scan(); {
			m.lines <- strings.TrimSpace(s.Text())
		}
		close(m.lines)
		m.ended <- qemu.Wait()
	}()
	t.Cleanup(func() {
		kill()
		for range m.lines { // until the console is closed, that is, QEMU is gone
		}
	})
	return m
}

func (m *machine) monitor() string { return filepath.Join(m.folder, "qmp") }

// waitFor reads the console up to a line that matches.
func (m *machine) waitFor(pattern string) {
	m.t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patience)
	var seen []string
	for {
		select {
		case line, open := <-m.lines:
			if re.MatchString(line) {
				return
			}
			if !open {
				m.t.Fatalf("QEMU ended before %q; the console said:\n%s", pattern, strings.Join(seen, "\n"))
			}
			seen = append(seen, line)
		case <-late:
			m.t.Fatalf("no %q within %s; the console said:\n%s", pattern, patience, strings.Join(seen, "\n"))
		}
	}
}

func (m *machine) say(line string) {
	m.t.Helper()
	if _, err := io.WriteString(m.input, line+"\n"); err != nil {
		m.t.Fatal(err)
	}
}

// press pushes the virtual power button (QMP system_powerdown).
func (m *machine) press() {
	m.t.Helper()
	var dial net.Dialer
	conn, err := dial.DialContext(m.t.Context(), "unix", m.monitor())
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close()
	answers := json.NewDecoder(conn)
	for _, command := range []string{"", "qmp_capabilities", "system_powerdown"} {
		if command != "" {
			fmt.Fprintf(conn, `{"execute": %q}`, command)
		}
		var answer map[string]any // the greeting, then one for each
		if err := answers.Decode(&answer); err != nil || answer["error"] != nil {
			m.t.Fatalf("QMP %s: %v %v", command, answer, err)
		}
	}
}

// gone waits for QEMU's own end and wants it to be a clean one.
func (m *machine) gone() {
	m.t.Helper()
	m.waitFor("reboot: Power down")
	for range m.lines {
	}
	if err := <-m.ended; err != nil {
		m.t.Errorf("QEMU: %v", err)
	}
}

func newDisk(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(name, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTheGuestReportsKeepsItsDiskAndObeysThePowerButton(t *testing.T) {
	m := boot(t, newDisk(t), nil)
	m.waitFor(`^guest: disk vda 1048576$`)
	m.waitFor(`^guest: ready \(name tiny, address none: no network card`)

	m.say("marker write 'kept over a reboot'")
	m.waitFor(`^marker: written to /dev/vda`)
	m.say("reboot")
	m.waitFor(`^guest: marker vda kept over a reboot$`)
	m.waitFor(`^guest: ready`)

	m.press()
	m.waitFor(`^guest: power button`)
	m.gone()
}

func TestTheGuestGetsItsAddressFromPasst(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	hostEnd, guestEnd := os.NewFile(uintptr(pair[0]), "passt"), os.NewFile(uintptr(pair[1]), "qemu")
	defer hostEnd.Close()
	defer guestEnd.Close()

	passt := exec.CommandContext(t.Context(), "passt", "--foreground", "--no-map-gw",
		"--address", "10.98.0.15", "--netmask", "24", "--gateway", "10.98.0.2", "--fd", "3")
	passt.ExtraFiles, passt.Stderr = []*os.File{hostEnd}, t.Output()
	if err := passt.Start(); err != nil {
		t.Fatalf("%v (hint: scripts/deps.sh test)", err)
	}
	m := boot(t, newDisk(t), []*os.File{guestEnd}, "-netdev", "stream,id=n0,server=off,addr.type=fd,addr.str=3", "-device", "virtio-net-pci,netdev=n0")
	m.waitFor(`^guest: ready \(name tiny, address 10\.98\.0\.15,`)
	m.say("poweroff")
	m.gone()

	// passt goes when its peer has gone, and ours are the last copies.
	_ = guestEnd.Close()
	_ = hostEnd.Close()
	if err := passt.Wait(); err != nil {
		t.Errorf("passt: %v", err)
	}
}
