//go:build linux

// Package faults_test holds what the product promises when something breaks: daemons that are cut off
// anywhere, and everything that is wished meanwhile.
//
// What lives here: tests on test/fakehost, as any user. What does not: the same with a real QEMU
// (test/e2e), and what one room promises of its own (beside it).
package faults_test

import (
	"os"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func TestMain(m *testing.M) {
	fakeqemu.RunIfAsked()
	os.Exit(m.Run())
}
