//go:build lab

package lvm

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/storagetest"
)

func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute) // a cleanup runs it too
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// group makes a volume group of the lab's spare disk.
func group(t *testing.T) string {
	t.Helper()
	const disk, name = "/dev/disk/by-id/virtio-spare", "labthin"
	run(t, "pvcreate", "-q", disk)
	run(t, "vgcreate", "-q", name, disk)
	t.Cleanup(func() {
		run(t, "vgremove", "-q", "-y", name)
		run(t, "pvremove", "-q", disk)
	})
	return name
}

// The suite is held against device mapper itself, through the hv-helper that is installed.
func TestAThinPoolOfTheKernelsIsAPool(t *testing.T) {
	vg := group(t)
	helper := privilege.Dial(filepath.Join(privilege.RunFolder("/var/lib/hyper-nixos"), privilege.HelperSocket))
	defer helper.Close()
	if _, err := Open(t.Context(), "test", vg, "none", helper); fault.CodeOf(err) != "HV-POOL-021" {
		t.Errorf("one that is not there: %v", err)
	}
	run(t, "lvcreate", "-q", "-y", "-L", "64M", "-n", "plain", vg)
	run(t, "lvchange", "-q", "--addtag", privilege.ThinTag, vg+"/plain")
	if _, err := Open(t.Context(), "test", vg, "plain", helper); fault.CodeOf(err) != "HV-POOL-021" {
		t.Errorf("one that is none: %v", err)
	}
	run(t, "lvcreate", "-q", "-y", "-L", "512M", "-T", vg+"/thin")
	if _, err := Open(t.Context(), "test", vg, "thin", helper); fault.CodeOf(err) != "HV-POOL-022" || !strings.Contains(fault.HintOf(err), "lvchange --addtag") {
		t.Errorf("one that is not meant: %v (%s)", err, fault.HintOf(err))
	}
	run(t, "lvchange", "-q", "--addtag", privilege.ThinTag, vg+"/thin")
	run(t, "lvcreate", "-q", "-y", "-V", "64M", "-T", vg+"/thin", "-n", "theirs") // of somebody who has the same pool
	run(t, "lvcreate", "-q", "-y", "-Z", "n", "-L", "64M", "-T", vg+"/leaks")
	run(t, "lvchange", "-q", "--addtag", privilege.ThinTag, vg+"/leaks")
	if _, err := Open(t.Context(), "test", vg, "leaks", helper); fault.CodeOf(err) != "HV-POOL-023" {
		t.Errorf("one that does not zero: %v", err)
	}
	run(t, "lvremove", "-q", "-y", vg+"/leaks")
	run(t, "lvcreate", "-q", "-y", "--errorwhenfull", "y", "-L", "40M", "-T", vg+"/tiny")
	run(t, "lvchange", "-q", "--addtag", privilege.ThinTag, vg+"/tiny")

	open := func(pool string) func(t *testing.T) backend.Backend {
		return func(t *testing.T) backend.Backend { return reached(t, vg, pool, helper) }
	}
	storagetest.Run(t, func(t *testing.T) storagetest.Place {
		t.Cleanup(func() {
			for _, name := range append(ours(t, vg), "hv-notes-thin", "hv-notes-tiny") {
				if strings.Contains(run(t, "lvs", "--noheadings", "-o", "lv_name", vg), " "+name) {
					run(t, "lvremove", "-q", "-y", vg+"/"+name)
				}
			}
		})
		return storagetest.Place{Open: open("thin"), Tiny: open("tiny"), Left: func(t *testing.T) []string { return ours(t, vg) }}
	})
	if out := run(t, "lvs", vg+"/theirs"); !strings.Contains(out, "theirs") {
		t.Errorf("what is not ours is gone: %s", out)
	}
}

// ours are the volumes that a pool has made, but for its notes.
func ours(t *testing.T, vg string) (names []string) {
	t.Helper()
	for line := range strings.Lines(run(t, "lvs", "--noheadings", "-o", "lv_name", vg)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(name, "hv-") && !strings.HasPrefix(name, "hv-notes-") {
			names = append(names, name)
		}
	}
	return names
}

func reached(t *testing.T, vg, pool string, hands Hands) backend.Backend {
	t.Helper()
	p, err := Open(t.Context(), "test", vg, pool, hands)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}
