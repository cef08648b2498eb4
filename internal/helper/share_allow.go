package helper

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// sharesFile is root's own list of folders that may be shared with guests, one a line; # begins a comment. Where there is none, every
// folder may be that shareOwner takes: which ones are shares stands in the daemon's store, and who has taken over the daemon writes there.
const sharesFile = "/etc/hyper-nixos/shares"

const maxSharesFile = 64 << 10

// mayShare holds a folder against root's list, where there is one. One that cannot be read, or that others may write to, allows nothing.
func mayShare(file, folder string, root int) (err error) {
	deny := func(why string, args ...any) *fault.Error {
		return fault.New(fault.Denied, why, args...).WithCode("HV-SHARE-008")
	}
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return deny("the list of folders that may be shared, %s, cannot be read", file).Because(err).Try("let it be root's, and a plain file")
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if int(st.Uid) != root || st.Mode&0o022 != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return deny("the list of folders that may be shared, %s, is not root's alone", file).Try("chown root:root %s; chmod 644 %s", file, file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSharesFile+1))
	if err != nil {
		return err
	}
	if len(text) > maxSharesFile { // a line that is cut off names a folder above the one that root meant
		return deny("the list of folders that may be shared, %s, is larger than %d bytes", file, maxSharesFile).Try("list folders above instead")
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "/") { // empty, or a comment
			continue
		}
		if line = path.Clean(line); folder == line || strings.HasPrefix(folder, line+"/") {
			return nil
		}
	}
	return deny("%s is not on root's list of folders that may be shared, %s", folder, file).Try("put it on a line of its own there")
}
