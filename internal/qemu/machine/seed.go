package machine

// seedSlot is the slot of the disk on which a guest finds what it is to make of itself.
const seedSlot = "seed"

// seedSet is that disk's fdset; see NICSet and diskSets.
const seedSet = 60

// seed is a small read-only disk with cloud-init's data. It is no CD-ROM: an image's initramfs has the driver of disks, and
// a VM without drives needs no controller for it.
func seed(at place) part {
	const id = "seed"
	return part{
		args: append(addFD(id, seedSet),
			"-blockdev", object(fileNode{Driver: "file", NodeName: id + fileSuffix, Filename: fdset(seedSet), Locking: "off", ReadOnly: true, Discard: "ignore"}),
			"-blockdev", object(formatNode{Driver: "raw", NodeName: id, File: id + fileSuffix, ReadOnly: true, Discard: "ignore"}),
			"-device", object(virtioBlk{Driver: "virtio-blk-pci", ID: id, place: at, Drive: id})),
		files: []File{{Name: id, Kind: SeedFile, Access: ReadOnly}},
	}
}
