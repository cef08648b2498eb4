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
		if err == nil && strings.HasSuffix(strings.TrimSpace(string(of)), mapped(n.Name())) {
			continue
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			errs = append(errs, v.forget(n.Name()))
		}
	}
	return errors.Join(errs...)
}

// mapped is how device-mapper's names of a logical volume end: a group's name stands before, and each - in a name is two.
func mapped(lv string) string { return "-" + strings.ReplaceAll(lv, "-", "--") }
