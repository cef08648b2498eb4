// Command build makes the tiny guest, or finds it in the cache, and prints the folder that holds vmlinuz,
// initrd and manifest.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "guest: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	cmdline := flags.Bool("cmdline", false, "print the kernel command line for a guest on this machine instead")
	cache := flags.String("cache", "", "folder of the cache (default ~/.cache/hyper-nixos, or HYPER_NIXOS_CACHE)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *cmdline {
		cpuinfo, err := os.ReadFile("/proc/cpuinfo")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, guest.CommandLine(cpuinfo))
		return err
	}
	if *cache == "" {
		dir, err := guest.CacheDir()
		if err != nil {
			return err
		}
		*cache = dir
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	g, err := guest.Build(ctx, *cache, progress)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, g.Dir)
	return err
}
