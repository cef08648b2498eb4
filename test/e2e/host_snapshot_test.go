//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// sum has a guest say what its disk holds, read from the disk and not from its memory.
const sum = `sync; echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda`

func snapshotsOf(t *testing.T, h *onehost.Host) wire.Snapshots {
	t.Helper()
	var all wire.Snapshots
	if err := json.Unmarshal([]byte(must(t, h, "snapshot", "list", "web", "-o", "json")), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestASnapshotWithMemoryBringsBackMemoryAndDiskToTheByte(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	lively(t, h, "web", `disks.root.volume = "root";`, "")
	g := at(t, h, "web")
	g.says(`set=1\.`, `echo before >/tmp/marker; dd if=/dev/urandom of=/dev/vda bs=1M count=8 2>/dev/null; `+sum+` >/tmp/sum; echo "set=$((0+1))."`)
	must(t, h, "snapshot", "create", "web", "one", "--memory")
	g.says(`changed=1\.`, `echo after >/tmp/marker; dd if=/dev/zero of=/dev/vda bs=1M count=16 2>/dev/null; sync; echo "changed=$((0+1))."`)
	must(t, h, "snapshot", "restore", "web", "one", "--yes")
	h.WaitState(t.Context(), "web", "running")
	g = at(t, h, "web")
	if said := g.says(`is=(\w+) same=(\w*)\.`, `echo "is=$(cat /tmp/marker) same=$([ "$(`+sum+`)" = "$(cat /tmp/sum)" ] && echo yes)."`); !strings.Contains(said, "is=before same=yes.") {
		t.Errorf("its guest says %s", said)
	}
	if all := snapshotsOf(t, h); all.Current != "one" || all.Items[0].Memory < 1<<20 {
		t.Errorf("%+v", all)
	}
}

func TestASnapshotOfA20GiBDiskLetsTheGuestStandStillForMilliseconds(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "20GiB")
	lively(t, h, "web", `disks.root.volume = "root";`, "")
	g := at(t, h, "web")
	g.says(`set=1\.`, `dd if=/dev/urandom of=/dev/vda bs=1M count=32 2>/dev/null; sync; echo "set=$((0+1))."`)
	var most time.Duration
	for _, name := range []string{"one", "two", "three"} {
		must(t, h, "snapshot", "create", "web", name)
		g.says(`w=1\.`, `dd if=/dev/urandom of=/dev/vda bs=1M count=2 seek=100 2>/dev/null; sync; echo "w=$((0+1))."`)
	}
	for _, one := range snapshotsOf(t, h).Items {
		pause, err := time.ParseDuration(one.Pause)
		if err != nil {
			t.Error(err)
		}
		most = max(most, pause)
		t.Logf("%s: the guest stood still for %s", one.Name, pause)
	}
	t.Logf("at most %s", most)
	endBoth(h) // whoever comes next meets a QEMU that writes to the newest layer
	startBoth(h)
	h.WaitState(t.Context(), "web", "running")
	must(t, h, "snapshot", "create", "web", "four")
	must(t, h, "snapshot", "restore", "web", "two", "--yes")
	up(t, h, "web")
	must(t, h, "snapshot", "delete", "web", "one", "three", "four", "two", "--yes")
	must(t, h, "vm", "kill", "web")
	must(t, h, "vm", "start", "web")
	up(t, h, "web")
}
