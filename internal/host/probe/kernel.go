package probe

import (
	"io/fs"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// bootID is the file that names this boot of the host.
const bootID = "proc/sys/kernel/random/boot_id"

// kernel says which boot of which kernel this is.
// Source: random(4), the Linux kernel's Documentation/admin-guide/sysctl/kernel.rst.
func kernel(root fs.FS, f *host.Facts) {
	f.Name = word(root, "proc/sys/kernel/hostname")
	f.BootID = word(root, bootID)
	f.Kernel = word(root, "proc/sys/kernel/osrelease")
}
