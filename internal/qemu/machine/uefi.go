package machine

// The fdsets of the firmware's two flash images.
const (
	codeSet  = 2
	nvramSet = 3
)

// The names of their files, which are those of their block nodes too.
const (
	codeFile  = "uefi-code"
	nvramFile = "uefi-nvram"
)

// uefi is the firmware in flash, as on a real board: code that nobody writes, and variables of this VM's own, which
// the guest writes and finds again.
func uefi() part {
	args := append(addFD(codeFile, codeSet), flash(codeFile, codeSet, true)...)
	args = append(append(args, addFD(nvramFile, nvramSet)...), flash(nvramFile, nvramSet, false)...)
	return part{
		args: append(args, "-machine", options("", "pflash0", codeFile, "pflash1", nvramFile)),
		files: []File{
			{Name: codeFile, Kind: FirmwareFile, Access: ReadOnly},
			{Name: nvramFile, Kind: NVRAMFile, Access: ReadWrite},
		},
	}
}

func flash(node string, set int, readOnly bool) []string {
	return []string{
		"-blockdev", object(fileNode{Driver: "file", NodeName: node + fileSuffix, Filename: fdset(set), Locking: "on", ReadOnly: readOnly, Discard: "ignore"}),
		"-blockdev", object(formatNode{Driver: "raw", NodeName: node, File: node + fileSuffix, ReadOnly: readOnly, Discard: "ignore"}),
	}
}
