//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// poolAt makes a pool in a folder that goes with the test.
func poolAt(t *testing.T, h *onehost.Host, name string) string {
	t.Helper()
	path, err := os.MkdirTemp("/srv", "hv-e2e")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	if err := os.Chown(path, onehost.UserHVD, onehost.UserHVD); err != nil {
		t.Fatal(err)
	}
	must(t, h, "pool", "create", name, "--path", path)
	return path
}

// digestIn is the SHA-256 of the one volume's file in a folder.
func digestIn(t *testing.T, folder string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.raw"))
	if err != nil || len(found) != 1 {
		t.Fatalf("in %s are %v, %v", folder, found, err)
	}
	f, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// A volume is moved into another pool, also when hvd is killed in the middle; what its guest wrote is there, and in one
// place.
func TestAVolumeIsMovedAndKillsInTheMiddleLeaveItWhole(t *testing.T) {
	h := bootable(t)
	other := poolAt(t, h, "other")
	image := filepath.Join(t.TempDir(), "image")
	content := bytes.Repeat([]byte("0123456789abcdef"), 16<<20)
	if err := os.WriteFile(image, content, 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x", sha256.Sum256(content))
	must(t, h, "volume", "import", "big", image, "--format", "raw")
	ref := model.Ref{Project: model.DefaultProject, Name: "big"}
	for range 3 {
		if _, err := h.Client.MoveVolume(t.Context(), ref, wire.MoveVolume{Pool: "other"}, client.Change{}); err != nil && !strings.Contains(err.Error(), "is being moved") {
			t.Fatal(err)
		}
		if err := h.EndHVD(syscall.SIGKILL); err == nil {
			t.Fatal("hvd that is killed ends well")
		}
		h.StartHVD()
	}
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("idle", ``)))
	for v, err := h.Client.Volume(t.Context(), ref); ; v, err = h.Client.Volume(t.Context(), ref) {
		if err != nil {
			t.Fatal(err)
		}
		ops := must(t, h, "operation", "list")
		if v.Spec.Pool == "other" && !strings.Contains(ops, "running") && !strings.Contains(ops, "pending") {
			break
		}
		if t.Context().Err() != nil {
			t.Fatalf("it is never moved:\n%s\n%s", ops, h.Logs())
		}
	}
	if got := digestIn(t, other); got != want {
		t.Errorf("after the move it holds %s", got)
	}
	if left, _ := filepath.Glob(filepath.Join(h.State, "pool", "*.raw")); len(left) != 0 {
		t.Errorf("left in its old pool: %v", left)
	}
	must(t, h, "volume", "clone", "big", "again", "--pool", "default")
	if got := digestIn(t, filepath.Join(h.State, "pool")); got != want {
		t.Errorf("the clone holds %s", got)
	}
}

// What a guest wrote goes with its volume.
func TestAGuestFindsWhatItWroteAfterItsVolumeWasMoved(t *testing.T) {
	h := bootable(t)
	poolAt(t, h, "other")
	must(t, h, "volume", "create", "root", "--size", "16MiB", "--format", "qcow2")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", `disks.root.volume = "root";`)))
	must(t, h, "vm", "start", "live")
	g := at(t, h, "live")
	g.says("written to /dev/vda", "marker write hello vda")
	must(t, h, "vm", "kill", "live")
	must(t, h, "volume", "move", "root", "--pool", "other")
	must(t, h, "volume", "clone", "root", "copy", "--pool", "default")
	must(t, h, "vm", "start", "live")
	g = at(t, h, "live")
	g.says("kept hello", "echo kept $(marker read vda)")
	must(t, h, "volume", "attach", "copy", "live")
	g.says("kept hello", "until [ -e /dev/vdb ]; do sleep 0.1; done; echo kept $(marker read vdb)")
}
