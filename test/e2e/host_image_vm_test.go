//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

const quietBoot = "console=ttyS0 quiet panic=-1"

// A VM of an image comes to be in one step, by flags and by a declaration: its volume is made with it, or there is neither. What a
// declaration has made it keeps, and has it grow.
func TestAVMIsCreatedOfAnImageInOneStep(t *testing.T) {
	h := bootable(t)
	iso := make([]byte, 40*2048)
	copy(iso[16*2048:], "\x01CD001")
	copy(iso[20*2048:], "marker of the medium")
	must(t, h, "image", "import", "base", file(t, "base.qcow2.xz", string(packedDisk(t))))
	must(t, h, "image", "import", "installer", file(t, "cd.iso", string(iso)), "--kind", "iso")

	create := []string{"vm", "create", "one", "--image", "base", "--disk", "16MiB", "--disk", "data=2MiB", "--memory", "256MiB", "--nic", "none",
		"--kernel", "tiny-kernel", "--initrd", "tiny-initrd", "--cmdline", quietBoot, "--start"}
	refused(t, h, 3, []string{"HV-IMG-020"}, "vm", "create", "one", "--image", "no-such-image")
	refused(t, h, 1, []string{"cannot have 4MiB"}, "vm", "create", "one", "--image", "base", "--disk", "4MiB")
	if out := must(t, h, append(create, "--dry-run")...); !strings.Contains(out, "make volume one-root of 16MiB that begins as image base") {
		t.Errorf("the plan is\n%s", out)
	}
	if out := must(t, h, "volume", "list", "-o", "name"); strings.TrimSpace(out) != "" {
		t.Errorf("what was refused or only planned left %s", out)
	}
	must(t, h, create...)
	one := at(t, h, "one")
	one.says("sizes 32768 4096", "echo sizes $(cat /sys/block/vda/size /sys/block/vdb/size)") // root, data
	one.says("signed 55aa", "echo signed $(dd if=/dev/vda bs=1 skip=510 count=2 2>/dev/null | hexdump -e '2/1 \"%02x\"')")

	declared := func(size string) string {
		return file(t, "host.nix", `{ hypervisor.vms.two = { power = "on"; memory = "256MiB"; boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "`+quietBoot+`"; };
			disks.root = { image = "base"; size = "`+size+`"; }; cdroms.cd.image = "installer"; }; }`)
	}
	must(t, h, "config", "apply", "--yes", declared("16MiB"))
	two := at(t, h, "two")
	two.says("root 32768", "echo root $(cat /sys/block/vda/size)")
	two.says("cd marker of the medium", "echo cd $(dd if=/dev/sr0 bs=2048 skip=20 count=1 2>/dev/null | tr -d '\\000')")
	two.says("written to /dev/vda", "marker write kept vda")
	if out := must(t, h, "config", "apply", "--yes", declared("16MiB")); strings.TrimSpace(out) != "nothing to do" {
		t.Errorf("what is as declared is applied again: %s", out)
	}
	must(t, h, "config", "apply", "--yes", declared("32MiB"))
	two.says("grown 65536", "while [ $(cat /sys/block/vda/size) != 65536 ]; do sleep 0.1; done; echo grown $(cat /sys/block/vda/size)")
	two.says("found [1-9]", "sync; echo found $(grep -c kept /dev/vda)")
	if out := must(t, h, "volume", "list", "-o", "name"); strings.Join(strings.Fields(out), " ") != "installer one-data one-root two-root" {
		t.Errorf("the volumes are %s", out)
	}
}
