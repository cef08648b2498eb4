//go:build linux

// hvd is the daemon of Hyper-NixOS; see internal/daemon.
package main

import (
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/daemon"
)

func main() { os.Exit(daemon.Command(os.Args[1:])) }
