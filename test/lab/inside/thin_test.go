//go:build lab

package inside

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// typed is typedAt the VM "thin".
func typed(t *testing.T, line, want string) string {
	t.Helper()
	return typedAt(t, "thin", line, want)
}

// typedAt types a line at the console of a VM and waits for what is printed then.
func typedAt(t *testing.T, name, line, want string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := daemon(t).OpenConsole(ctx, model.Ref{Project: model.DefaultProject, Name: name}, vm.ConsoleOptions{Take: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := conn.Write([]byte(line + "\n")); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	until, buf := regexp.MustCompile(want), make([]byte, 4096)
	for !until.MatchString(got.String()) {
		n, err := conn.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v before %q was printed:\n%s", err, want, got.String())
		}
	}
	return got.String()
}

func TestADiskOnAThinPoolBootsGrowsMovesAndIsGoneThen(t *testing.T) {
	const disk, vg = "/dev/disk/by-id/virtio-spare", "labfast"
	bootFiles(t)
	c := daemon(t)
	run(t, "pvcreate", "-q", disk)
	run(t, "vgcreate", "-q", vg, disk)
	t.Cleanup(func() {
		run(t, "vgremove", "-q", "-y", vg)
		run(t, "pvremove", "-q", disk)
	})
	run(t, "lvcreate", "-q", "-y", "-L", "160M", "--errorwhenfull", "y", "-T", vg+"/thin")
	run(t, "lvchange", "-q", "--addtag", "hyper-nixos", vg+"/thin")
	hv(t, "pool", "create", "fast", "--volume-group", vg, "--thin-pool", "thin")
	hv(t, "volume", "create", "root", "--size", "62MiB", "--pool", "fast")
	if text := hv(t, "volume", "show", "root"); !strings.Contains(text, "64MiB") {
		t.Errorf("a volume of 62 MiB in extents of 4 MiB is:\n%s", text)
	}
	t.Cleanup(func() { // when the VM is gone
		hv(t, "volume", "delete", "--now", "--yes", "root", "copy")
		hv(t, "pool", "delete", "fast")
		if left := strings.Fields(run(t, "lvs", "--noheadings", "-o", "lv_name", vg)); strings.Join(left, " ") != "hv-notes-thin thin" {
			t.Errorf("left are %v", left)
		}
	})

	machine(t, "thin", `memory = "256MiB"; disks.root = { volume = "root"; }; `+tiny)
	hv(t, "vm", "start", "thin")
	hv(t, "vm", "console", "thin", "--until", `guest: ready`, "--timeout", "3m")
	typed(t, "marker write hello vda", "written to /dev/vda")
	hv(t, "volume", "resize", "root", "128MiB")
	typed(t, `until [ $(cat /sys/block/vda/size) = 262144 ]; do sleep 1; done; echo "grown=$((0+1))."`, `grown=1\.`)
	t.Log(typed(t, `dd if=/dev/urandom of=/dev/vda bs=1M seek=64 count=32 conv=fsync; echo "full=$((0+1))."`, `full=1\.`))
	full := taken(t, vg)
	t.Log(typed(t, `blkdiscard -o 67108864 -l 33554432 /dev/vda; echo "discarded=$?."`, `discarded=[0-9]+\.`))
	if left := taken(t, vg); full < 25 || left > 1 {
		t.Errorf("%v %% of it were taken before the guest discarded a quarter, and %v %% are", full, left)
	}

	// A pool that is full stops the guest, which goes on when there is room.
	hv(t, "volume", "resize", "root", "256MiB")
	typed(t, `until [ $(cat /sys/block/vda/size) = 524288 ]; do sleep 1; done; (dd if=/dev/zero of=/dev/vda bs=1M seek=1 count=200 conv=fsync; echo "whole=$?.") &`, `guest# `)
	waitState(t, c, "thin", "paused")
	if text := hv(t, "pool", "show", "fast"); !strings.Contains(text, "HV-POOL-005") {
		t.Errorf("it does not say that it is full:\n%s", text)
	}
	run(t, "lvextend", "-q", "-L", "400M", vg+"/thin")
	hv(t, "vm", "resume", "thin")
	typed(t, `wait; echo "after=$((0+1))."`, `after=1\.`) // what was printed meanwhile is anybody's
	if n := taken(t, vg); n < 78 {
		t.Errorf("%v %% are taken", n)
	}
	run(t, "systemctl", "restart", "hvd")
	waitState(t, c, "thin", "running")
	hv(t, "vm", "kill", "thin")
	waitState(t, c, "thin", "off")

	hv(t, "volume", "move", "root", "--pool", "default")
	if files := glob(t, filepath.Join(state, "pool", "*.raw")); len(files) != 1 {
		t.Errorf("in the folder are %v", files)
	} else if text, err := os.ReadFile(files[0]); err != nil || !strings.HasPrefix(string(text), "marker=hello") || len(text) != 256<<20 {
		t.Errorf("%d bytes arrived in a folder, %v", len(text), err)
	}
	hv(t, "volume", "move", "root", "--pool", "fast")
	hv(t, "volume", "clone", "root", "copy")
	devices := glob(t, "/dev/"+vg+"/hv-*.raw")
	if len(devices) != 2 {
		t.Errorf("there are %v", devices)
	}
	for _, device := range devices {
		if text := run(t, "head", "-c", "512", device); !strings.HasPrefix(text, "marker=hello") {
			t.Errorf("%s holds %.20q", device, text)
		}
	}
}

// taken is how many percent of a group's one volume are.
func taken(t *testing.T, vg string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimSpace(run(t, "lvs", "--noheadings", "-o", "data_percent", "-S", `lv_name=~"^hv-[0-9a-f]"`, vg)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
