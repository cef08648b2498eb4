// Command build makes the Debian cloud image that tests boot, or finds it in the cache, and prints the folder that holds
// disk.qcow2 and manifest.json.
package main

import (
	"context"
	"io"

	"github.com/hyper-nixos/hyper-nixos/test/built"
	"github.com/hyper-nixos/hyper-nixos/test/debian"
	"github.com/hyper-nixos/hyper-nixos/test/guest"
)

func main() {
	built.Command("debian", guest.CacheDir, func(ctx context.Context, cache string, progress io.Writer) (string, error) {
		image, err := debian.Build(ctx, cache, progress)
		return image.Dir, err
	})
}
