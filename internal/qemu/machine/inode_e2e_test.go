//go:build e2e && linux

package machine

import (
	"io/fs"
	"strconv"
	"syscall"
)

func inodeOf(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return strconv.FormatUint(stat.Ino, 10)
}
