package thin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// asked are the volumes of a helper whose LVM says what was recorded, and what LVM was asked to change.
func asked(t *testing.T) (*Volumes, func(c privilege.ThinChange) ([]string, error)) {
	t.Helper()
	var changes []string
	v := &Volumes{devices: t.TempDir(), run: func(args ...string) ([]byte, error) {
		if args[0] != "lvs" {
			changes = append(changes, strings.Join(append(args[:1:1], args[1+len(quietly):]...), " "))
			return nil, nil
		}
		if which := strings.Join(args, " "); strings.Contains(which, `"hv-`+one) || strings.Contains(which, `"hv-`+two) {
			return []byte(only(which)), nil
		}
		return []byte(only("")), nil
	}}
	return v, func(c privilege.ThinChange) ([]string, error) {
		changes = nil
		c.ThinPlace = privilege.ThinPlace{Group: "vg", Pool: "thin"}
		err := v.Change(&c)
		return changes, err
	}
}

// only is what LVM says of the pool and of the volume that was asked for.
func only(which string) string {
	var lines []string
	for line := range strings.Lines(said) {
		name, _, isRow := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), `{"lv_name":"`), `"`)
		if isRow && strings.HasPrefix(name, "hv-") && !strings.Contains(which, `"`+name+`"`) || name == "root" {
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

func TestEveryChangeIsOneCallOfLVMAndMayBeMadeAgain(t *testing.T) {
	const fresh = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a15.raw"
	_, do := asked(t)
	for _, c := range []struct {
		change privilege.ThinChange
		want   string
		kind   fault.Kind
	}{
		{privilege.ThinChange{Do: privilege.ThinMake, Name: fresh, Bytes: 1 << 30}, "lvcreate --type thin --thinpool thin --virtualsize 1073741824b --wipesignatures n --addtag hyper-nixos --addtag hyper-nixos.making --name hv-" + fresh + " vg", 0},
		{privilege.ThinChange{Do: privilege.ThinMake, Name: privilege.ThinNotes, Bytes: 1 << 26}, "lvcreate --type thin --thinpool thin --virtualsize 67108864b --wipesignatures n --addtag hyper-nixos --addtag hyper-nixos.making --name hv-notes-thin vg", 0},
		{privilege.ThinChange{Do: privilege.ThinMake, Name: one, Bytes: 1 << 30}, "", fault.Conflict},
		{privilege.ThinChange{Do: privilege.ThinSet, Name: two}, "lvchange --deltag hyper-nixos.arriving vg/hv-" + two, 0},
		{privilege.ThinChange{Do: privilege.ThinSet, Name: two, State: privilege.ThinArriving}, "", 0},
		{privilege.ThinChange{Do: privilege.ThinGrow, Name: one, Bytes: 8<<20 + 1}, "lvextend --size 12582912b vg/hv-" + one, 0},
		{privilege.ThinChange{Do: privilege.ThinGrow, Name: one, Bytes: 4 << 20}, "", 0},
		{privilege.ThinChange{Do: privilege.ThinGrow, Name: fresh, Bytes: 4 << 20}, "", fault.NotFound},
		{privilege.ThinChange{Do: privilege.ThinClone, Name: fresh, From: one}, "lvcreate --type thin --setactivationskip n --addtag hyper-nixos --name hv-" + fresh + " vg/hv-" + one, 0},
		{privilege.ThinChange{Do: privilege.ThinClone, Name: one, From: two}, "", 0},
		{privilege.ThinChange{Do: privilege.ThinRemove, Name: one}, "lvremove vg/hv-" + one, 0},
		{privilege.ThinChange{Do: privilege.ThinRemove, Name: fresh}, "", 0},
	} {
		got, err := do(c.change)
		if strings.Join(got, "; ") != c.want || (c.kind == 0) != (err == nil) || err != nil && fault.KindOf(err) != c.kind {
			t.Errorf("%+v: %q, %v; want %q", c.change, got, err, c.want)
		}
	}
}

func TestWhatLVMComplainsOfHasItsKind(t *testing.T) {
	for words, want := range map[string]fault.Kind{
		"  Volume group \"vg\" not found\n  Cannot process volume group vg\n":                                              fault.NotFound,
		"  WARNING: x\n  Cannot create new thin volume, free space in thin pool vg/thin reached threshold. is full\n":      fault.Exhausted,
		"  Logical volume vg/hv-x in use.\n":                                                                               fault.Conflict,
		"  /dev/mapper/control: open failed: No such device\n  Failure to communicate with kernel device-mapper driver.\n": fault.Unavailable,
	} {
		err := failure("lvcreate", words, errors.New("exit status 5"))
		if fault.KindOf(err) != want || strings.Contains(err.Error(), "WARNING") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", words, err)
		}
	}
}

// One that has kept a descriptor of a node, and not of its device, opens by it what has the device's number.
func TestANodeIsTakenFromItsUserBeforeItsDeviceGoes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to give a file to another user needs root")
	}
	const user = 54321
	v, do := asked(t)
	v.uid, v.gid = user, user
	lvm, path := v.run, filepath.Join(v.devices, "hv-"+one)
	var kept, during unix.Stat_t
	refuse := true
	v.run = func(args ...string) ([]byte, error) {
		if args[0] == "lvremove" {
			if err := unix.Lstat(path, &during); err != nil {
				t.Error(err)
			}
			if refuse {
				return nil, fault.New(fault.Conflict, "it is in use")
			}
		}
		return lvm(args...)
	}
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, user, user)); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	for _, refuse = range []bool{true, false} {
		_, err := do(privilege.ThinChange{Do: privilege.ThinRemove, Name: one})
		if (err != nil) != refuse || during.Uid != 0 || during.Gid != 0 {
			t.Errorf("refused %v: %v; while it goes its node is uid %d's", refuse, err, during.Uid)
		}
		if err := unix.Fstat(fd, &kept); err != nil || (kept.Uid == user) != refuse || (kept.Nlink == 1) != refuse {
			t.Errorf("refused %v: then it is uid %d's with %d names, %v", refuse, kept.Uid, kept.Nlink, err)
		}
	}
}
