//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// say types text at a VM's console and returns what is printed until want matches.
func say(t *testing.T, h *onehost.Host, name, text, want string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	conn, err := h.Client.OpenConsole(ctx, model.Ref{Project: model.DefaultProject, Name: name}, vm.ConsoleOptions{Take: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	until, buf := regexp.MustCompile(want), make([]byte, 4096)
	for !until.MatchString(escapes.ReplaceAllString(got.String(), "")) {
		n, err := conn.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v before %q was printed:\n%s", err, want, got.String())
		}
	}
	return escapes.ReplaceAllString(got.String(), "")
}

// escapes are what moves the cursor: a UEFI shell puts each letter into its place.
var escapes = regexp.MustCompile(`\x1b\[[0-9;=?]*[A-Za-z]`)

// booted is a VM of the tiny guest with more in its spec, booted.
func booted(t *testing.T, h *onehost.Host, name, more string) {
	t.Helper()
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "`+name+`"; memory = "256MiB"; `+more+`
		boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1 mitigations=off"; }; }`))
	must(t, h, "vm", "start", name)
	must(t, h, "vm", "console", name, "--until", "guest: ready", "--timeout", "2m")
}

func TestAGuestSeesTheCPUItWasGivenAndMayRunVMsOnlyWhereTheHostSaysSo(t *testing.T) {
	h := bootable(t)
	const show = "grep -m1 flags /proc/cpuinfo; grep -c processor /proc/cpuinfo; grep -m1 'cpu cores' /proc/cpuinfo; echo do''ne\n"
	booted(t, h, "plain", `cpu = { features = { avx2 = false; }; cores = 2; };`)
	got := say(t, h, "plain", show, "done")
	if strings.Contains(got, " svm") || strings.Contains(got, " avx2") || !strings.Contains(got, "cpu cores\t: 2") {
		t.Errorf("the guest sees another CPU:\n%s", got)
	}
	must(t, h, "vm", "kill", "plain")

	nested := file(t, "nested.nix", `{ name = "nested"; memory = "64MiB"; nestedVirtualization = true; }`)
	refused(t, h, 1, []string{"HV-VM-042", "nestedVirtualization"}, "vm", "create", "-f", nested)
	must(t, h, "config", "apply", "--yes", file(t, "host.nix", `{ hypervisor.featureManager.extraFeatures = [ "nestedVirtualization" ]; }`))
	refused(t, h, 1, []string{"HV-VM-041"}, "vm", "create", "wrong", "--cpu", "Z80")
	if text, err := os.ReadFile("/proc/cpuinfo"); err != nil || !regexp.MustCompile(`\b(vmx|svm)\b`).Match(text) {
		refused(t, h, 1, []string{"HV-VM-042", "VT-x"}, "vm", "create", "-f", nested)
		return // the feature waits for a CPU that has it
	}
	booted(t, h, "inner", `nestedVirtualization = true;`)
	if got := say(t, h, "inner", show, "done"); !strings.Contains(got, " svm") && !strings.Contains(got, " vmx") {
		t.Errorf("the guest is not shown that it may run VMs:\n%s", got)
	}
}

// arm lets the guest arm its i6300esb by hand and never pet it: the cloud kernel has no driver. One second for each
// of its two stages.
// Source: Intel 6300ESB I/O controller hub datasheet, chapter 16.
const arm = `d=$(grep -l 0x25ab /sys/bus/pci/devices/*/device); d=${d%/device}; echo 1 > $d/enable; b=$(head -1 $d/resource | cut -d' ' -f1);` +
	` for r in 0 4; do devmem $((b+12)) 16 0x80; devmem $((b+12)) 16 0x86; devmem $((b+r)) 32 1000; done;` +
	` printf '\002' | dd of=$d/config bs=1 seek=104 conv=notrunc 2>/dev/null; echo ar''med` + "\n"

func TestAWatchdogThatIsNotPettedResetsOrPausesItsGuest(t *testing.T) {
	h := bootable(t)
	booted(t, h, "pausing", `watchdog.onExpiry = "pause";`)
	say(t, h, "pausing", arm, "armed")
	v := h.WaitState(t.Context(), "pausing", "paused")
	if !strings.Contains(v.Status.Power.Reason, "watchdog") {
		t.Errorf("it does not say why it is paused: %+v", v.Status.Power)
	}
	must(t, h, "vm", "kill", "pausing")

	booted(t, h, "resetting", `watchdog = {};`)
	say(t, h, "resetting", arm, `(?s)armed.*guest: ready`)
}

func TestUEFIBootsAndKeepsItsVariablesOverARestart(t *testing.T) {
	if _, err := os.Stat("/usr/share/OVMF/OVMF_VARS_4M.fd"); err != nil {
		t.Skipf("%v: apt-get install ovmf", err)
	}
	h := bootable(t)
	must(t, h, "vm", "create", "efi", "--firmware", "uefi", "--memory", "256MiB", "--start")
	must(t, h, "vm", "console", "efi", "--until", `Shell>`, "--timeout", "2m")
	say(t, h, "efi", "setvar HvTest -guid 5c2d1b0e-8b8a-4a55-9d8e-0a4f7a9b5a11 -nv -bs =0xC0FFEE42\r", `(?s)setvar.*Shell>`)
	must(t, h, "vm", "kill", "efi")
	must(t, h, "vm", "start", "efi")
	must(t, h, "vm", "console", "efi", "--until", `Shell>`, "--timeout", "2m")
	if got := say(t, h, "efi", "setvar HvTest -guid 5c2d1b0e-8b8a-4a55-9d8e-0a4f7a9b5a11\r", `(?s)setvar.*Shell>`); !strings.Contains(got, "42 EE FF C0") {
		t.Errorf("what the guest wrote into its variables is gone:\n%s", got)
	}
	must(t, h, "vm", "delete", "--yes", "--force", "efi")
	if left, err := os.ReadDir(h.State + "/nvram"); err != nil || len(left) > 0 {
		t.Errorf("a deleted VM left its variables: %v %v", left, err)
	}

	booted(t, h, "stub", `firmware = "uefi";`)
	if got := say(t, h, "stub", "ls /sys/firmware; echo do''ne\n", "done"); !strings.Contains(got, "efi") {
		t.Errorf("the kernel was not booted by UEFI:\n%s", got)
	}
}

func TestSecureBootIsOnAndKeepsVariablesOfItsOwn(t *testing.T) {
	if _, err := os.Stat("/usr/share/OVMF/OVMF_VARS_4M.ms.fd"); err != nil {
		t.Skipf("%v: apt-get install ovmf", err)
	}
	h := bootable(t)
	booted(t, h, "signed", `secureBoot = true;`)
	// The kernel asks the firmware, and locks itself because of the answer; the variable itself says so, too.
	got := say(t, h, "signed", "dmesg | grep -i 'secure boot\\|lockdown\\|locked down'; cat /sys/kernel/security/lockdown; echo do''ne\n", "done")
	if !strings.Contains(got, "Secure boot enabled") {
		t.Errorf("the guest says:\n%s", got)
	}
	uuid := h.WaitState(t.Context(), "signed", "running").Spec.UUID
	if left, err := os.ReadDir(h.State + "/nvram"); err != nil || len(left) != 1 || left[0].Name() != uuid+".secure.fd" {
		t.Errorf("its variables: %v %v", left, err)
	}
	refused(t, h, 1, []string{"secureBoot", "SMM"}, "vm", "create", "old", "--machine", "pc", "--secure-boot")
}

// looks connects a viewer, which wants the whole screen, and returns the connection after its first picture.
// Source: RFC 6143, sections 7.1 to 7.6.
func looks(t *testing.T, h *onehost.Host, name string) (io.ReadWriteCloser, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	c, err := h.Client.Screen(ctx, model.Ref{Project: model.DefaultProject, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	read := func(n int) []byte {
		t.Helper()
		buf := make([]byte, n)
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatal(err)
		}
		return buf
	}
	write := func(b ...byte) {
		t.Helper()
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(read(12)); got != "RFB 003.008\n" {
		t.Fatalf("the screen speaks %q", got)
	}
	write([]byte("RFB 003.008\n")...)
	if types := read(int(read(1)[0])); !bytes.Contains(types, []byte{1}) {
		t.Fatalf("a password is wanted: security types %v", types)
	}
	write(1)
	if result := read(4); !bytes.Equal(result, make([]byte, 4)) {
		t.Fatalf("it is not let in: %v", result)
	}
	write(1)
	server := read(24)
	read(int(binary.BigEndian.Uint32(server[20:])))
	write(append([]byte{3, 0, 0, 0, 0, 0}, server[:4]...)...) // FramebufferUpdateRequest: all of it
	update := read(4)
	if update[0] != 0 || binary.BigEndian.Uint16(update[2:]) == 0 {
		t.Fatalf("no picture: %v", update)
	}
	return c, server[:4]
}

func TestSeveralViewersLookAtOneScreenAndNoneEndsWithAnother(t *testing.T) {
	h := bootable(t)
	booted(t, h, "seen", `graphics = {};`)
	one, size := looks(t, h, "seen")
	two, same := looks(t, h, "seen")
	if !bytes.Equal(size, same) || bytes.Equal(size, make([]byte, 4)) {
		t.Errorf("one viewer sees %v, the other %v", size, same)
	}
	_ = one.Close()
	three, _ := looks(t, h, "seen") // while one has gone and two has stayed
	for who, c := range map[string]io.ReadWriter{"two": two, "three": three} {
		if _, err := c.Write(append([]byte{3, 0, 0, 0, 0, 0}, size...)); err != nil {
			t.Errorf("viewer %s was cut off: %v", who, err)
		}
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Errorf("viewer %s sees no more: %v", who, err)
		}
	}
	must(t, h, "vm", "kill", "seen")
	if _, err := io.Copy(io.Discard, two); err != nil {
		t.Logf("the screen ended with %v", err)
	}
	booted(t, h, "blind", ``)
	refused(t, h, 1, []string{"HV-VM-045", "graphics"}, "vm", "vnc", "blind")
}

func TestAGuestReadsAnotherMediumWhileItRunsUnlessItHoldsTheTray(t *testing.T) {
	h := bootable(t)
	for _, name := range []string{"first", "second"} {
		image := file(t, name+".iso", strings.Repeat(name+"-medium ", 4096))
		must(t, h, "volume", "import", name+"-iso", image, "--format", "raw")
	}
	booted(t, h, "reads", `cdroms = { cd = { volume = "first-iso"; }; spare = { }; };`)
	const read = "head -c 14 /dev/sr0; echo; echo do''ne\n"
	if got := say(t, h, "reads", read, "done"); !strings.Contains(got, "first-medium") {
		t.Errorf("the guest reads:\n%s", got)
	}
	// Several may have one medium in their drives.
	must(t, h, "vm", "create", "other", "--memory", "64MiB", "--cdrom", "cd=first-iso", "--start")
	must(t, h, "vm", "cdrom", "insert", "reads", "cd", "second-iso")
	if got := say(t, h, "reads", read, "done"); !strings.Contains(got, "second-medium") {
		t.Errorf("after the change the guest reads:\n%s", got)
	}
	if v := h.WaitState(t.Context(), "reads", "running"); len(v.Status.Power.Pending) > 0 {
		t.Errorf("pending: %v %v", v.Status.Power.Pending, v.Status.Power.PendingWhy)
	}

	say(t, h, "reads", "exec 5</dev/sr0; echo he''ld\n", "held") // the kernel locks the tray of what is open
	refused(t, h, 1, []string{"HV-VM-046", "--force"}, "vm", "cdrom", "eject", "reads", "cd")
	must(t, h, "vm", "cdrom", "eject", "reads", "cd", "--force")
	if got := say(t, h, "reads", "exec 5<&-; head -c 14 /dev/sr0; echo do''ne\n", "done"); strings.Contains(got, "second-medium") {
		t.Errorf("the medium is out, and the guest reads:\n%s", got)
	}
	must(t, h, "vm", "cdrom", "insert", "reads", "spare", "first-iso")
	if got := say(t, h, "reads", "head -c 14 /dev/sr1; echo do''ne\n", "done"); !strings.Contains(got, "first-medium") {
		t.Errorf("from the spare drive the guest reads:\n%s", got)
	}
	refused(t, h, 3, []string{"HV-VM-047"}, "vm", "cdrom", "insert", "reads", "lost", "first-iso")
}
