//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// bootSector is a disk that a BIOS boots from: it says words at the serial port and stops.
func bootSector(words string) []byte {
	code := []byte{
		0x31, 0xc0, 0x8e, 0xd8, // ds = 0
		0xbe, 0x24, 0x7c, 0xba, 0xf8, 0x03, 0xfc, // si = the words, dx = the port
		0xac, 0x84, 0xc0, 0x74, 0x11, // the next letter; at the end of them, out
		0x88, 0xc4, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xfb, // until there is room for it
		0xb2, 0xf8, 0x88, 0xe0, 0xee, 0xeb, 0xea, // it goes
		0xf4, 0xeb, 0xfd, // halt
	}
	disk := make([]byte, 1<<20)
	copy(disk, append(append(code, words...), "\r\n\x00"...))
	copy(disk[510:], "\x55\xaa")
	return disk
}

// bootDisks imports volumes that boot, and say their names.
func bootDisks(t *testing.T, h *onehost.Host, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(t.TempDir(), name+".raw")
		if err := os.WriteFile(path, bootSector("booted from "+name), 0o644); err != nil {
			t.Fatal(err)
		}
		must(t, h, "volume", "import", name, path, "--format", "raw")
	}
}

// boots starts the VM "web", which is off, and waits until it says words at its console.
func boots(t *testing.T, h *onehost.Host, words string) {
	t.Helper()
	must(t, h, "vm", "start", "web")
	must(t, h, "vm", "console", "web", "--until", words, "--timeout", "1m")
}

func TestAGuestBootsFromTheDeviceThatComesFirst(t *testing.T) {
	h := onehost.New(t)
	bootDisks(t, h, "one", "two", "three")
	must(t, h, "vm", "create", "web", "--disk", "one:scsi", "--disk", "two:usb", "--disk", "three", "--cdrom", "install=", "--nic", "lan=user", "--memory", "64MiB", "--boot-order", "two,one")
	boots(t, h, "booted from two")
	_, errs, _ := h.HV(t.Context(), nil, "vm", "set", "web", "--boot-order", "one,disks.two")
	if !strings.Contains(errs, "boot takes effect at the next start") {
		t.Errorf("who changes the order of a VM that runs is not told that it waits:\n%s", errs)
	}
	if out := must(t, h, "vm", "show", "web"); !strings.Contains(out, "boot") || !strings.Contains(out, "pending") {
		t.Errorf("what is pending is not listed:\n%s", out)
	}
	must(t, h, "vm", "kill", "web")
	boots(t, h, "booted from one")
	must(t, h, "vm", "kill", "web")
	must(t, h, "vm", "set", "web", "--boot-order", "")
	boots(t, h, "booted from one") // by name
	must(t, h, "vm", "kill", "web")

	refused(t, h, 1, []string{"HV-VM-001", `there is no device "four"`, "disks.one, disks.three, disks.two, cdroms.install, nics.lan"}, "vm", "set", "web", "--boot-order", "four")
	refused(t, h, 1, []string{"disks.two is named twice"}, "vm", "set", "web", "--boot-order", "two,disks.two")
	refused(t, h, 1, []string{"boot.order says in which turn"}, "vm", "edit", "web", "--set", `boot.order=["two"]`, "--set", "disks.one.bootIndex=1")
}

func TestAGuestThatBootsFromTheNetworkFirstGoesOnToTheNext(t *testing.T) {
	if _, err := os.Stat("/usr/lib/ipxe/qemu/efi-rtl8139.rom"); err != nil {
		t.Skipf("%v: apt-get install ipxe-qemu", err)
	}
	h := onehost.New(t)
	bootDisks(t, h, "one")
	must(t, h, "vm", "create", "web", "--disk", "one", "--nic", "lan=user", "--memory", "64MiB", "--boot-order", "lan,one", "--boot-menu")
	must(t, h, "vm", "edit", "web", "--set", "nics.lan.model=rtl8139", "--set", "nics.lan.mac=52:54:00:12:34:56", "--set", "boot.menuTimeout=1")
	must(t, h, "vm", "start", "web")
	got := must(t, h, "vm", "console", "web", "--until", "booted from one", "--timeout", "2m")
	for _, want := range []string{"Press ESC for boot menu", "iPXE", "52:54:00:12:34:56 using rtl8139"} {
		if !strings.Contains(escapes.ReplaceAllString(got, ""), want) {
			t.Errorf("the firmware never says %q:\n%s", want, got)
		}
	}
}

func TestTheFirmwaresMenuBootsAnother(t *testing.T) {
	h := onehost.New(t)
	bootDisks(t, h, "one", "two")
	must(t, h, "vm", "create", "web", "--disk", "one", "--disk", "two", "--memory", "64MiB", "--boot-menu")
	must(t, h, "vm", "edit", "web", "--set", "boot.menuTimeout=30")
	boots(t, h, "Press ESC for boot menu")
	say(t, h, "web", "\x1b", "Select boot device")
	say(t, h, "web", "2", "booted from two")
}

func TestDisksOnSCSIAndUSBComeAndGoUnderAGuest(t *testing.T) {
	h := bootable(t)
	for _, name := range []string{"one", "two", "stick", "disc"} {
		must(t, h, "volume", "create", name, "--size", "16MiB")
	}
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", `disks.one = { volume = "one"; bus = "scsi"; }; scsi.iothread = "fast"; usbController = true; cdroms.drive.bus = "usb";`)))
	must(t, h, "vm", "start", "live")
	g := at(t, h, "live")
	if !has(threadsOf(t, h), "io-fast") {
		t.Error("the controller has no thread of its own")
	}
	g.says("trims [1-9][0-9]+", "echo trims $(cat /sys/block/sda/queue/discard_max_bytes)")
	change(t, h, `{"disks":{"two":{"volume":"two","bus":"scsi","limits":{"iops":100}},"stick":{"volume":"stick","bus":"usb"}}}`)
	g.says("it is there", "until [ -e /sys/block/sdb ]; do sleep 0.1; done; echo it is the''re")
	g.says("written 0", "dd if=/dev/zero of=/dev/sdb bs=4k count=16 2>/dev/null; sync; echo written $?")
	change(t, h, `{"disks":{"stick":{"limits":{"iops":50}}}}`)
	for _, medium := range []string{`"disc"`, `null`} {
		if op := change(t, h, `{"cdroms":{"drive":{"volume":`+medium+`}}}`); len(op.Findings) > 0 {
			t.Errorf("medium %s of a drive on USB: %+v\n%s", medium, op.Findings, h.Logs())
		}
	}
	must(t, h, "snapshot", "create", "live", "first")

	must(t, h, "vm", "suspend", "live")
	must(t, h, "vm", "start", "live")
	g = again(t, h, "live")
	g.says("both sda sdb", "echo both $(cd /sys/block; echo sd*)")
	for _, gone := range []string{`{"disks":{"two":null}}`, `{"disks":{"stick":null}}`} {
		if op := change(t, h, gone); len(op.Findings) > 0 {
			t.Errorf("%s: %+v\n%s", gone, op.Findings, h.Logs())
		}
	}
	g.says("left sda", "until [ ! -e /sys/block/sdb ]; do sleep 0.1; done; echo left $(cd /sys/block; echo sd*)")
	must(t, h, "vm", "suspend", "live") // the controller of sticks is there, and no stick
	must(t, h, "vm", "start", "live")
	again(t, h, "live").says("goes on", "echo goes o''n")
}

// again connects to the shell of a guest that went on.
func again(t *testing.T, h *onehost.Host, name string) *shell {
	t.Helper()
	h.WaitState(t.Context(), name, "running")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	conn, err := h.Client.OpenConsole(ctx, model.Ref{Project: model.DefaultProject, Name: name}, vm.ConsoleOptions{Take: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &shell{T: t, conn: conn}
}

func TestAsManyDisksAsThereMayBeStart(t *testing.T) {
	h := bootable(t)
	var disks bytes.Buffer
	for i := range vm.MaxDisks {
		name := "d" + strconv.Itoa(i)
		must(t, h, "volume", "create", name, "--size", "1MiB", "--format", "raw")
		disks.WriteString("disks." + name + ` = { volume = "` + name + `"; bus = "scsi"; }; `)
	}
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", disks.String())))
	must(t, h, "vm", "start", "live")
	g := at(t, h, "live")
	g.says("disks "+strconv.Itoa(vm.MaxDisks), "until [ $(ls -d /sys/block/sd* | wc -l) -ge "+strconv.Itoa(vm.MaxDisks)+" ]; do sleep 0.2; done; echo disks $(ls -d /sys/block/sd* | wc -l)")
}
