//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// openFile is what QEMU has open of a volume of one layer: whether past the page cache, and the room that it takes.
func openFile(t *testing.T, h *onehost.Host, name, volume string) (direct bool, room model.Bytes) {
	t.Helper()
	v, err := h.Client.Volume(t.Context(), model.Ref{Project: model.DefaultProject, Name: volume})
	if err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(h.WaitState(t.Context(), name, "running").Status.Power.Process.PID)
	links, err := filepath.Glob(filepath.Join("/proc", pid, "fd", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if to, _ := os.Readlink(l); !strings.HasPrefix(filepath.Base(to), v.Metadata.UID) {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", pid, "fdinfo", filepath.Base(l)))
		if err != nil {
			t.Fatal(err)
		}
		flags, _ := proc.Field(text, "flags")
		n, err := strconv.ParseUint(flags, 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Stat(l, &st); err != nil {
			t.Fatal(err)
		}
		return n&unix.O_DIRECT != 0, model.Bytes(st.Blocks * 512)
	}
	t.Fatalf("QEMU has no file of volume %s open", volume)
	return false, 0
}

func TestDisksAreReadAndWrittenAsTheirOwnerWants(t *testing.T) {
	h := bootable(t)
	ways := map[string]string{
		"a": `cache = "none"; aio = "native";`, "b": `cache = "writeback"; aio = "threads";`, "c": `cache = "writethrough"; aio = "threads";`,
		"d": `cache = "directsync"; aio = "threads";`, "e": `cache = "unsafe";`, "f": `detectZeroes = "unmap";`, "g": `discard = "ignore"; detectZeroes = "on";`,
		"h": ``, "i": `cache = "directsync"; aio = "native"; bus = "nvme";`, "j": `cache = "writethrough"; bus = "sata";`,
	}
	spec := ""
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		must(t, h, "volume", "create", "vol-"+name, "--size", "16MiB", "--format", "raw")
		spec += fmt.Sprintf("disks.%s = { volume = \"vol-%s\"; %s }; ", name, name, ways[name])
	}
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", spec)))
	must(t, h, "vm", "start", "live")
	g := at(t, h, "live")
	for name := range ways {
		want := strings.Contains(ways[name], "none") || strings.Contains(ways[name], "directsync")
		if direct, _ := openFile(t, h, "live", "vol-"+name); direct != want {
			t.Errorf("disk %s (%s): past the page cache is %v, want %v", name, ways[name], direct, want)
		}
	}
	// vda to vdh are the virtio disks, in the order of their names.
	g.says(`wrote 0\.`, `for d in a b c d e f g h; do dd if=/dev/urandom of=/dev/vd$d bs=1M count=2 conv=fsync 2>/dev/null || echo BAD $d; done; echo wrote $((1-1)).`)
	full := func(when string, names string, want bool) {
		t.Helper()
		for _, n := range names {
			if _, has := openFile(t, h, "live", "vol-"+string(n)); (has >= 1536*model.KiB) != want {
				t.Errorf("%s disk %c (%s) takes %s", when, n, ways[string(n)], has)
			}
		}
	}
	full("written,", "abcdefgh", true)
	g.says(`zeroed 0\.`, `for d in f h; do dd if=/dev/zero of=/dev/vd$d bs=1M count=2 conv=fsync 2>/dev/null || echo BAD $d; done; echo zeroed $((1-1)).`)
	full("zeros written with detectZeroes unmap,", "f", false)
	full("zeros written,", "h", true)
	g.says(`gone 0\.`, `for d in a b d e g; do blkdiscard /dev/vd$d 2>/dev/null; done; sync; echo gone $((1-1)).`)
	full("discarded,", "abde", false)
	full("discarded with discard ignore,", "g", true)

	refused(t, h, 1, []string{"HV-VM-136", "native needs cache none"}, "vm", "edit", "live", "--set", "disks.h.aio=native")
	refused(t, h, 1, []string{"HV-VM-132", "no VM has io_uring"}, "vm", "edit", "live", "--set", "disks.h.aio=io_uring")
	must(t, h, "vm", "edit", "live", "--set", "disks.h.aio=native", "--set", "disks.h.cache=none")
	if out := must(t, h, "vm", "show", "live"); !strings.Contains(out, "disks.h.aio") || !strings.Contains(out, "pending restart") {
		t.Errorf("what waits for a start is not shown:\n%s", out)
	}
	must(t, h, "vm", "kill", "live")
}
