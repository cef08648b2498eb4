package thin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

func TestANodeWhoseDeviceIsAnotherNowIsTakenAway(t *testing.T) {
	v := &Volumes{devices: t.TempDir(), sys: t.TempDir()}
	const major = 253
	node := func(name string, minor uint32, mapper string) {
		if err := unix.Mknod(filepath.Join(v.devices, name), unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
			t.Skipf("no node can be made here: %v", err)
		}
		dir := filepath.Join(v.sys, fmt.Sprintf("%d:%d", major, minor))
		if mapper == "" {
			return
		}
		if err := os.MkdirAll(filepath.Join(dir, "dm"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "dm/name"), []byte(mapper+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	node("hv-there.raw", 3, "my--vg-hv--there.raw")
	node("hv-gone.raw", 4, "")
	node("hv-other.raw", 5, "my--vg-root")
	node("hv-kept.raw", 7, "odd---hv--kept.raw")         // of a group called odd-
	node("hv-moved.raw", 8, "my--vg-old--hv--moved.raw") // lvrename, and its user's from then on
	node("hv-more.raw", 6, "my--vg-hv--more.raw.old")
	if err := os.WriteFile(filepath.Join(v.devices, "no-node"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	v.run = func(...string) ([]byte, error) { return []byte(only("")), nil }
	if _, err := v.List(&privilege.ThinPool{ThinPlace: privilege.ThinPlace{Group: "vg", Pool: "thin"}}); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(v.devices)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range left {
		names = append(names, l.Name())
	}
	if got := strings.Join(names, " "); got != "hv-kept.raw hv-there.raw no-node" {
		t.Errorf("left are %s", got)
	}
	if err := (&Volumes{devices: filepath.Join(t.TempDir(), "none")}).sweep(); err != nil {
		t.Errorf("where nothing was handed out yet: %v", err)
	}
}
