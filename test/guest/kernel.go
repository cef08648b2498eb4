package guest

import (
	"context"
	"errors"
	"path/filepath"
)

// Kernel is Debian's newest cloud kernel as apt's lists have it: the guest's, and the lab's.
type Kernel struct {
	Release string // what uname -r says
	Package string // name and version
	deb     deb
}

// NewestKernel asks apt's lists, which needs no network.
func NewestKernel(ctx context.Context) (Kernel, error) {
	w, err := amd64.candidates(ctx)
	if err != nil {
		return Kernel{}, err
	}
	return Kernel{Release: w.release, Package: w.kernel.String(), deb: w.kernel}, nil
}

// KernelFiles says where an unpacked kernel stands: its image, and the folder of its modules.
type KernelFiles struct{ Image, Modules string }

// Unpack finds the kernel's files on the host where it is installed, else it downloads the package into dir
// and unpacks it there. Nothing is installed.
func (k Kernel) Unpack(ctx context.Context, dir string) (KernelFiles, error) {
	root, err := amd64.unpackOne(ctx, k.deb, dir, "boot/vmlinuz-"+k.Release)
	if err != nil {
		return KernelFiles{}, err
	}
	image, errImage := firstOf(root, "boot/vmlinuz-"+k.Release)
	modules, errModules := firstOf(root, "usr/lib/modules/"+k.Release, "lib/modules/"+k.Release)
	return KernelFiles{image, filepath.Clean(modules)}, errors.Join(errImage, errModules)
}
