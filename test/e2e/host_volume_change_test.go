//go:build e2e

package e2e

import (
	"strings"
	"syscall"
	"testing"
)

// A guest sees its disk grow while it runs, and after hvd was killed in between; and its volume gets another name under
// it.
func TestAGuestSeesItsDiskGrowAndItsVolumeGetsAnotherName(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "16MiB")
	must(t, h, "volume", "create", "more", "--size", "16MiB", "--format", "qcow2")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", `disks.root.volume = "root"; disks.data.volume = "more";`)))
	must(t, h, "vm", "start", "live")
	g := at(t, h, "live")
	g.says("sectors 32768 32768", "echo sectors $(cat /sys/block/vda/size) $(cat /sys/block/vdb/size)")
	must(t, h, "volume", "resize", "root", "24MiB")
	must(t, h, "volume", "resize", "more", "32MiB")
	g.says("sectors 65536 49152", "until [ $(cat /sys/block/vda/size) = 65536 ]; do sleep 0.1; done; echo sectors $(cat /sys/block/vda/size) $(cat /sys/block/vdb/size)")
	refused(t, h, 1, []string{"is not made smaller", "hv volume create"}, "volume", "resize", "root", "8MiB")

	must(t, h, "volume", "rename", "root", "main")
	if out := must(t, h, "vm", "show", "live"); !strings.Contains(out, "main") || strings.Contains(out, "pending") {
		t.Errorf("after the rename:\n%s", out)
	}
	if err := h.EndHVD(syscall.SIGKILL); err == nil {
		t.Fatal("hvd that is killed ends well")
	}
	h.StartHVD()
	must(t, h, "volume", "resize", "main", "48MiB")
	g = at(t, h, "live")
	g.says("sectors 98304", "until [ $(cat /sys/block/vdb/size) = 98304 ]; do sleep 0.1; done; echo sectors $(cat /sys/block/vdb/size)")

	must(t, h, "volume", "create", "late", "--size", "8MiB")
	must(t, h, "volume", "attach", "late", "live")
	g.says("third 16384", "until [ -e /sys/block/vdc/size ]; do sleep 0.1; done; echo third $(cat /sys/block/vdc/size)")
	must(t, h, "volume", "detach", "late")
	g.says("left: vda vdb$?", "until [ ! -e /sys/block/vdc ]; do sleep 0.1; done; echo left: $(cd /sys/block; echo vd*)")
	must(t, h, "volume", "delete", "late", "--yes")
	must(t, h, "volume", "create", "late", "--size", "4MiB")
	refused(t, h, 1, []string{"exists already", "--name"}, "volume", "trash", "restore", "late")
	must(t, h, "volume", "trash", "restore", "late", "--name", "late-old")
	if out := must(t, h, "volume", "list"); !strings.Contains(out, "late-old") || !strings.Contains(out, "8MiB") {
		t.Errorf("what was restored is not listed:\n%s", out)
	}
	must(t, h, "volume", "delete", "late", "--now", "--yes")
	if out := must(t, h, "volume", "trash", "list"); strings.Contains(out, "late") {
		t.Errorf("what is gone for ever is in the trash:\n%s", out)
	}
	must(t, h, "vm", "kill", "live")
	must(t, h, "volume", "resize", "more", "40MiB") // nobody has it open: qemu-img grows the image
	must(t, h, "vm", "start", "live")
	g = at(t, h, "live")
	g.says("sectors 81920", "echo sectors $(cat /sys/block/vda/size)")
}
