//go:build linux

// Package faults_test holds what the product promises when something breaks: daemons that are cut off
// anywhere, and everything that is wished meanwhile.
//
// What lives here: tests on test/fakehost, as any user. What does not: the same with a real QEMU
// (test/e2e), and what one room promises of its own (beside it).
package faults_test

import (
	"flag"
	"os"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func TestMain(m *testing.M) {
	fakeqemu.RunIfAsked()
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("40") // each starts a host; a number always fits
	}
	os.Exit(m.Run())
}
