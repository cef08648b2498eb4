// hv is the command line of Hyper-NixOS; see internal/cli.
package main

import (
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
