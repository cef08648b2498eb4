//go:build linux

package reconcile_test

import (
	"os"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func TestMain(m *testing.M) {
	fakeqemu.RunIfAsked()
	os.Exit(m.Run())
}
