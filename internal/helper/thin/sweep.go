package thin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// blockDevices is where the kernel tells of devices by their numbers.
const blockDevices = "/sys/dev/block"

// sweep takes away nodes whose device is not the volume's any more: one that was deactivated or removed by hand, or by a
// restart of LVM's. hvd could open by such a node whatever has the number next. What the kernel does not tell is left.
func (v *Volumes) sweep() error {
	nodes, err := os.ReadDir(v.devices)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, n := range nodes {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(v.devices, n.Name()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
			continue
		}
		of, err := os.ReadFile(filepath.Join(v.sys, fmt.Sprintf("%d:%d/dm/name", unix.Major(st.Rdev), unix.Minor(st.Rdev))))
		if err == nil && isOf(strings.TrimSpace(string(of)), n.Name()) {
			continue
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			errs = append(errs, v.forget(n.Name()))
		}
	}
	return errors.Join(errs...)
}

// isOf reports whether device-mapper's name of a device is that of a logical volume: a group's name, which may be any, a -, and
// the volume's; each - in a name is two. So one of a volume whose name only ends like that has an odd number of them before.
func isOf(mapper, lv string) bool {
	group, ok := strings.CutSuffix(mapper, "-"+strings.ReplaceAll(lv, "-", "--"))
	return ok && (len(group)-len(strings.TrimRight(group, "-")))%2 == 0
}
