//go:build e2e

package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// likeNixOS gives this thread, and what it starts, a host whose programs lie in /nix/store, and whose /usr holds
// nothing but links to them, as nix/module.nix gives it to both daemons.
func likeNixOS(t *testing.T) {
	t.Helper()
	apart(t)
	if err := os.Mkdir("/nix", 0o755); err == nil {
		t.Cleanup(func() { _ = os.Remove("/nix") })
	} else if !os.IsExist(err) {
		t.Skipf("there is no place for a store: %v", err)
	}
	mount(t, "none", "/nix", "tmpfs", 0, "mode=0755")
	t.Cleanup(func() { _ = unix.Unmount("/nix", unix.MNT_DETACH) })
	if err := os.Mkdir("/nix/store", 0o755); err != nil {
		t.Fatal(err)
	}
	mount(t, "/usr", "/nix/store", "", unix.MS_BIND, "")
	mount(t, "none", "/usr", "tmpfs", 0, "mode=0755")
	t.Cleanup(func() { _ = unix.Unmount("/usr", unix.MNT_DETACH) })
	if err := os.Mkdir("/usr/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	// lib and lib64 are for Debian's programs, which look for their loader there, and setpriv is for these tests.
	for _, name := range []string{"lib", "lib64", "share", "bin/qemu-system-x86_64", "bin/passt", "bin/setpriv"} {
		if err := os.Symlink("/nix/store/"+name, "/usr/"+name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAVMRunsWhereProgramsLieInTheNixStore(t *testing.T) {
	programs, err := onehost.Programs()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := guest.CacheDir()
	if err != nil {
		t.Skipf("no cache for the guest: %v", err)
	}
	g, err := guest.Build(t.Context(), cache, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	likeNixOS(t)
	h := onehost.NewFrom(t, func() (string, error) { return programs, nil })
	must(t, h, "boot-file", "import", "tiny-kernel", g.Kernel, "--kind", "kernel")
	must(t, h, "boot-file", "import", "tiny-initrd", g.Initrd, "--kind", "initrd")
	must(t, h, "volume", "create", "first-data", "--size", "64MiB")
	must(t, h, "vm", "create", "-f", "../../examples/first-vm.nix")
	must(t, h, "vm", "start", "first")
	console := must(t, h, "vm", "console", "first", "--until", `guest: ready .*\)`, "--timeout", "2m")
	if strings.Contains(console, "address none") {
		t.Errorf("the guest does not see its network:\n%s", console)
	}
	pid := h.WaitState(t.Context(), "first", "running").Status.Power.Process.PID
	var mounts []string
	for line := range strings.Lines(readFile(t, pid, "mountinfo")) {
		f := strings.Fields(line)
		mode, _, _ := strings.Cut(f[5], ",")
		mounts = append(mounts, f[4]+" "+mode)
	}
	slices.Sort(mounts)
	if want := []string{"/ ro", "/nix/store ro", "/proc ro", "/run rw", "/usr ro"}; !slices.Equal(mounts, want) {
		t.Errorf("the jail has %q, want %q", mounts, want)
	}
	must(t, h, "vm", "stop", "first")
	h.WaitState(t.Context(), "first", "off")
}
