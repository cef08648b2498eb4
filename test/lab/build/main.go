// Command build makes the lab's image, or finds it in the cache, and prints the folder that holds disk.raw,
// vmlinuz and manifest.json.
package main

import (
	"context"
	"io"

	"github.com/hyper-nixos/hyper-nixos/test/built"
	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/lab"
)

func main() {
	built.Command("lab", guest.CacheDir, func(ctx context.Context, cache string, progress io.Writer) (string, error) {
		image, err := lab.Build(ctx, cache, progress)
		return image.Dir, err
	})
}
