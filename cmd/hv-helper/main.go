// hv-helper is the only program of Hyper-NixOS with privileges; see internal/helper.
package main

import (
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/helper"
)

func main() { os.Exit(helper.Command(os.Args[1:])) }
