//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// packedDisk is a disk of 8 MiB with a boot sector, as qcow2 in xz.
func packedDisk(t *testing.T) []byte {
	t.Helper()
	disk := make([]byte, 8<<20)
	disk[510], disk[511] = 0x55, 0xaa
	raw, qcow2 := file(t, "disk.raw", string(disk)), filepath.Join(t.TempDir(), "disk.qcow2")
	for _, args := range [][]string{{"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2}, {"xz", "-k", "-0", qcow2}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %s", args[0], out)
		}
	}
	b, err := os.ReadFile(qcow2 + ".xz")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An image is fetched from a server on this host that breaks off once, and becomes the disks of two VMs: each has what the
// image has, and neither what the other writes.
func TestAnImageIsFetchedAndBecomesTheDisksOfTwoVMs(t *testing.T) {
	h := bootable(t)
	content := packedDisk(t)
	sum := sha256.Sum256(content)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/SHA256SUMS" {
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:]) + "  disk.qcow2.xz\n"))
			return
		}
		w.Header().Set("ETag", `"one"`)
		if r.URL.Path != "/disk.qcow2.xz" {
			http.NotFound(w, r)
			return
		}
		if asked.Add(1) == 1 {
			w.Header().Set("Content-Length", "100000000")
			_, _ = w.Write(content[:len(content)/2])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	defer server.Close()

	must(t, h, "image", "import", "base", server.URL+"/disk.qcow2.xz", "--checksums", server.URL+"/SHA256SUMS")
	shown := must(t, h, "image", "show", "base")
	for _, want := range []string{"ready", "qcow2 in xz", "as SHA256SUMS says", hex.EncodeToString(sum[:])} {
		if !strings.Contains(shown, want) {
			t.Errorf("hv image show does not say %q:\n%s", want, shown)
		}
	}
	must(t, h, "volume", "create", "one", "--image", "base")
	must(t, h, "volume", "create", "two", "--image", "base", "--size", "16MiB")
	refused(t, h, 1, []string{"HV-IMG-024", "volume one"}, "image", "delete", "base")
	for _, name := range []string{"one", "two"} {
		must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny(name, `disks.root.volume = "`+name+`";`)))
		must(t, h, "vm", "start", name)
	}
	one, two := at(t, h, "one"), at(t, h, "two")
	one.says("sectors 16384", "echo sectors $(cat /sys/block/vda/size)")
	two.says("sectors 32768", "echo sectors $(cat /sys/block/vda/size)")
	one.says("signed 55aa", "echo signed $(dd if=/dev/vda bs=1 skip=510 count=2 2>/dev/null | hexdump -e '2/1 \"%02x\"')")
	one.says("written to /dev/vda", "marker write hello vda")
	one.says("found [1-9]", "sync; echo found $(grep -c hello /dev/vda)")
	two.says("found 0", "echo found $(grep -c hello /dev/vda)")
	stays(t, h)
}

// stays holds an image that reaches for a file of the host against what is done with it.
func stays(t *testing.T, h *onehost.Host) {
	t.Helper()
	evil := make([]byte, 65536*4)
	copy(evil, "QFI\xfb\x00\x00\x00\x03")
	binary.BigEndian.PutUint64(evil[8:], 1024) // its backing file's name
	binary.BigEndian.PutUint32(evil[16:], uint32(len("/etc/shadow")))
	copy(evil[1024:], "/etc/shadow")
	binary.BigEndian.PutUint32(evil[20:], 16)
	binary.BigEndian.PutUint64(evil[24:], 1<<20)
	refused(t, h, 1, []string{"HV-IMG-011", "backing file"}, "image", "import", "evil", file(t, "evil.qcow2", string(evil)))
	flat := "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 8 FLAT \"/etc/shadow\" 0\n" + strings.Repeat("\n", 1024)
	refused(t, h, 1, []string{"HV-IMG-011", "other files"}, "image", "import", "evil", file(t, "evil.vmdk", flat))
	if out := must(t, h, "image", "list", "-o", "name"); strings.TrimSpace(out) != "base" {
		t.Errorf("the library has %q", out)
	}
}
