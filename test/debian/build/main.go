// Command build makes the Debian cloud image that tests boot, or finds it in the cache, and prints the folder that holds
// disk.qcow2 and manifest.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/hyper-nixos/hyper-nixos/test/debian"
	"github.com/hyper-nixos/hyper-nixos/test/guest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "debian: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	cache := flag.String("cache", "", "`folder` of the cache (default ~/.cache/hyper-nixos, or HYPER_NIXOS_CACHE)")
	flag.Parse()
	if *cache == "" {
		dir, err := guest.CacheDir()
		if err != nil {
			return err
		}
		*cache = dir
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	image, err := debian.Build(ctx, *cache, os.Stderr)
	if err != nil {
		return err
	}
	_, err = fmt.Println(image.Dir)
	return err
}
