// Command fake-qemu is the fake QEMU of package fakeqemu as a program of its own.
package main

import (
	"os"

	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func main() {
	os.Exit(fakeqemu.Main(os.Getenv(fakeqemu.Env), os.Args[1:], os.Stdout, os.Stderr))
}
