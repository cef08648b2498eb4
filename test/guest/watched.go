package guest

import (
	"context"
	"io"
)

// watched boots the kernel that Debian has for real machines: of the drivers that the cloud kernel is built without, the
// watchdog's is loaded.
var watched = port{arch: "x86_64, a real machine's kernel", kernelPackage: "linux-image-amd64", base: []string{"button", "pvpanic_mmio", "i6300esb"}}

// BuildWatched returns a guest whose kernel has a driver for QEMU's i6300esb: /dev/watchdog. Its package has 70 MB, and
// is downloaded once.
func BuildWatched(ctx context.Context, cache string, progress io.Writer) (Guest, error) {
	return watched.build(ctx, cache, progress)
}
