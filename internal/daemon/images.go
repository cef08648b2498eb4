//go:build linux

package daemon

import (
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/confine"
	"github.com/hyper-nixos/hyper-nixos/internal/importer"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/image"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/pools"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// MirrorEnv names a mirror of the catalogue's images: MIRROR/HOST/PATH in the place of https://HOST/PATH.
const MirrorEnv = "HV_IMAGE_MIRROR"

// openImages opens the library, whose images lie in the default pool.
func openImages(opt Options, all *pools.Pools) (*image.Library, *importer.Importer, error) {
	from, err := importer.New(fetchers(opt.Fetcher), os.Getenv(MirrorEnv))
	if err != nil {
		return nil, nil, err
	}
	place, err := all.Of(storage.DefaultPool)
	if err != nil {
		return nil, nil, err
	}
	switch version, err := confine.Landlock(); { // said once; each run of them says it again where it fails
	case err != nil:
		opt.Log.Error("qemu-img and xz are not run: what holds them cannot be had", "err", err)
	case version == 0:
		opt.Log.Warn("this kernel has no landlock: qemu-img and xz are held by a filter of system calls alone")
	}
	l, err := image.Open(filepath.Join(opt.State, "images"), place, from)
	return l, from, err
}
