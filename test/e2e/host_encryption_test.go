//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// tells gives hv something to read.
func tells(t *testing.T, h *onehost.Host, code int, input string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, errs, got := h.HV(ctx, strings.NewReader(input), args...)
	if got != code {
		t.Fatalf("hv %s: exit %d, want %d\n%s%s\n%s", strings.Join(args, " "), got, code, out, errs, h.Logs())
	}
}

// nowhere looks for what a guest has written in all that the host keeps.
func nowhere(t *testing.T, h *onehost.Host, marker string) {
	t.Helper()
	err := filepath.WalkDir(h.State, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || strings.Contains(path, "/logs/") || strings.Contains(path, "/boot/") {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // a folder of this test's own
		if err == nil && bytes.Contains(text, []byte(marker)) {
			t.Errorf("%s holds what the guest has written in clear", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A guest on encrypted disks writes, and nothing of it lies in clear; its key turns while it runs, and after a daemon that was
// killed in the middle; a locked key keeps it from starting.
func TestAGuestOnEncryptedDisksRunsWhileItsKeyTurns(t *testing.T) {
	h := bootable(t)
	const phrase, marker = "correct horse battery\n", "PLAINTEXT-OF-THE-GUEST"
	tells(t, h, 0, phrase, "key", "create", "house")
	must(t, h, "volume", "create", "raw", "--size", "8MiB", "--encryption", "house")
	must(t, h, "volume", "create", "cow", "--size", "8MiB", "--format", "qcow2", "--encryption", "house")
	must(t, h, "volume", "create", "late", "--size", "8MiB", "--format", "qcow2", "--encryption", "house")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("shut", `disks.a.volume = "raw"; disks.b.volume = "cow";`)))
	must(t, h, "vm", "start", "shut")
	g := at(t, h, "shut")
	write := "for d in a b; do printf 'PLAINTEXT-OF-THE-%s' GUEST | dd of=/dev/vd$d bs=1 seek=65536 conv=notrunc 2>/dev/null; done; sync; echo writ'ten'"
	g.says("written", write)
	nowhere(t, h, marker)
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if text, err := os.ReadFile(path); err == nil && (bytes.Contains(text, []byte(strings.TrimSpace(phrase))) || bytes.Contains(text, []byte("secret,id=key-house,data="))) {
			t.Errorf("a secret is an argument of a program: %s", path)
		}
	}
	refused(t, h, 1, []string{"in clear"}, "vm", "suspend", "shut")
	refused(t, h, 1, []string{"in clear"}, "snapshot", "create", "shut", "warm", "--memory")

	must(t, h, "snapshot", "create", "shut", "before")
	must(t, h, "volume", "attach", "late", "shut")
	g.says("third 16384", "until [ -e /sys/block/vdc/size ]; do sleep 0.1; done; echo third $(cat /sys/block/vdc/size)")
	must(t, h, "volume", "resize", "late", "12MiB")
	g.says("third 24576", "until [ $(cat /sys/block/vdc/size) = 24576 ]; do sleep 0.1; done; echo third $(cat /sys/block/vdc/size)")
	must(t, h, "key", "rotate", "house")
	g.says("written", write)

	must(t, h, "key", "rotate", "house", "--no-wait")
	if err := h.EndHVD(syscall.SIGKILL); err == nil {
		t.Fatal("hvd that is killed ends well")
	}
	h.StartHVD()
	at(t, h, "shut").says("alive 3", "echo alive $((1+2))") // no key is needed to go on
	must(t, h, "vm", "kill", "shut")
	refused(t, h, 1, []string{"is locked", "hv key unlock house"}, "vm", "start", "shut")
	tells(t, h, 1, "something else entirely\n", "key", "unlock", "house")
	tells(t, h, 0, phrase, "key", "unlock", "house")
	h.WaitState(t.Context(), "shut", "running")
	if out := must(t, h, "key", "show", "house"); !strings.Contains(out, "number 3") && !strings.Contains(out, "rotating") {
		t.Errorf("after the rotation that was cut off:\n%s", out)
	}
	g = at(t, h, "shut")
	g.says("GUEST GUEST", "echo $(for d in a b; do dd if=/dev/vd$d bs=1 skip=65553 count=5 2>/dev/null; echo; done)")
	nowhere(t, h, marker)
	must(t, h, "vm", "kill", "shut")
	must(t, h, "snapshot", "restore", "shut", "before", "--yes")
	must(t, h, "volume", "clone", "cow", "open", "--encryption", "none")
	must(t, h, "volume", "clone", "raw", "again")
	refused(t, h, 1, []string{"encrypted with key"}, "key", "delete", "house")
}

// What somebody has written down opens a volume whose key is gone: added while its guest runs, and the guest finds what it wrote.
func TestARecoveryPassphraseOpensAVolumeWhoseKeyIsLost(t *testing.T) {
	h := bootable(t)
	tells(t, h, 0, "correct horse battery\n", "key", "create", "house")
	must(t, h, "volume", "create", "cow", "--size", "8MiB", "--format", "qcow2", "--encryption", "house")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("shut", `disks.a.volume = "cow";`)))
	must(t, h, "vm", "start", "shut")
	g := at(t, h, "shut")
	g.says("wrote it", "printf 'left by the %s' guest | dd of=/dev/vda bs=1 seek=65536 conv=notrunc,fsync 2>/dev/null; echo wrote i't'")
	shown := strings.Fields(must(t, h, "volume", "keyslot", "add", "cow"))
	recovery := shown[len(shown)-1]
	if len(recovery) < 32 || strings.Count(must(t, h, "volume", "keyslot", "list", "cow"), "1 of 1") != 2 {
		t.Fatalf("shown: %q\n%s", shown, must(t, h, "volume", "keyslot", "list", "cow"))
	}
	refused(t, h, 1, []string{"HV-KEY-030", "--force"}, "volume", "keyslot", "remove", "cow", "0")
	g.says("alive 3", "echo alive $((1+2))")
	must(t, h, "vm", "kill", "shut")

	if err := h.EndHVD(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.State, "keys", "house.json")); err != nil {
		t.Fatal(err)
	}
	h.StartHVD()
	refused(t, h, 3, []string{"HV-KEY-003", "put house.json back"}, "vm", "start", "shut")
	tells(t, h, 0, "another horse battery\n", "key", "renew", "house")
	tells(t, h, 1, "not what was written down\n", "volume", "keyslot", "recover", "cow")
	tells(t, h, 0, recovery+"\n", "volume", "keyslot", "recover", "cow")
	must(t, h, "vm", "start", "shut")
	at(t, h, "shut").says("by the guest", "dd if=/dev/vda bs=1 skip=65536 count=20 2>/dev/null; echo")
	must(t, h, "key", "rotate", "house")
	must(t, h, "vm", "kill", "shut")
}

// An image that is imported with a key is the guest's to read, and nobody else's.
func TestAnImportWithAKeyIsReadByItsGuestOnly(t *testing.T) {
	h := bootable(t)
	tells(t, h, 0, "correct horse battery\n", "key", "create", "default")
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, append(make([]byte, 65536), []byte("PLAINTEXT-OF-THE-IMAGE"+strings.Repeat("\n", 1<<20))...), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", image, image+".qcow2")
	must(t, h, "volume", "import", "raw", image, "--format", "raw")
	must(t, h, "volume", "import", "cow", image+".qcow2", "--format", "qcow2", "--encryption", "default")
	nowhere(t, h, "PLAINTEXT-OF-THE-IMAGE")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("shut", `disks.a.volume = "raw"; disks.b.volume = "cow";`)))
	must(t, h, "vm", "start", "shut")
	at(t, h, "shut").says("IMAGE IMAGE", "echo $(for d in a b; do dd if=/dev/vd$d bs=1 skip=65553 count=5 2>/dev/null; echo; done)")
	must(t, h, "vm", "kill", "shut")
}
