package vm

import (
	"maps"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// Fresh is a volume that a definition wishes made: with its VM, or when the disk is added to it. Once it is there it is kept, whatever
// the definition says of its image later.
type Fresh struct {
	Device string // "disks.root"
	Volume string
	Image  string      // of the library, that it begins as; empty for zeros
	Size   model.Bytes // 0: as large as the image
	Pool   string
	Key    string // that it is encrypted with
	Medium bool   // what is in a drive: others may have it too
}

// fresh reports whether a disk's volume is made with it.
func (d Disk) fresh() bool { return d.Image != "" || d.Size != 0 }

// Settled returns d as it is stored: each disk and drive names a volume. Those that are to be made come beside it, by device. A disk's
// is called as its VM and the device unless it is said, a drive's as its image.
func (d Definition) Settled() (Definition, []Fresh) {
	var made []Fresh
	disks, drives := d.Disks, d.CDROMs
	for _, name := range sortedKeys(d.Disks) {
		disk := d.Disks[name]
		if !disk.fresh() {
			continue
		}
		if disk.Volume == "" {
			disk.Volume = d.Name + "-" + name
		}
		made = append(made, Fresh{Device: "disks." + name, Volume: disk.Volume, Image: disk.Image, Size: disk.Size, Pool: disk.Pool, Key: disk.Encryption})
		disk.Image, disk.Size, disk.Pool, disk.Encryption = "", 0, "", ""
		if len(made) == 1 {
			disks = maps.Clone(d.Disks)
		}
		disks[name] = disk
	}
	n := len(made)
	for _, name := range sortedKeys(d.CDROMs) {
		drive := d.CDROMs[name]
		if drive.Image == "" {
			continue
		}
		if drive.Volume == "" {
			drive.Volume = drive.Image
		}
		made = append(made, Fresh{Device: "cdroms." + name, Volume: drive.Volume, Image: drive.Image, Medium: true})
		drive.Image = ""
		if len(made) == n+1 {
			drives = maps.Clone(d.CDROMs)
		}
		drives[name] = drive
	}
	d.Disks, d.CDROMs = disks, drives
	return d, made
}

// images checks what is said of volumes that are to be made.
func (c *check) images(d Definition) {
	for _, name := range sortedKeys(d.Disks) {
		disk, path := d.Disks[name], "disks."+name
		if disk.Image != "" {
			c.err(path+".image", model.CheckName("image name", disk.Image))
		}
		if disk.Pool != "" {
			c.err(path+".pool", model.CheckName("pool name", disk.Pool))
		}
		if disk.Encryption != "" {
			c.err(path+".encryption", model.CheckName("key name", disk.Encryption))
		}
		switch {
		case disk.Size < 0 || disk.Size > MaxDisk:
			c.say(path+".size", "", "%s is not between 512B and %s", disk.Size, MaxDisk)
		case disk.Size%512 != 0:
			c.say(path+".size", "", "%d is not a multiple of 512 bytes", int64(disk.Size))
		case disk.Pool != "" && !disk.fresh():
			c.say(path+".pool", "say image or size too, or leave pool out", "it says where a volume is made, and none is")
		case disk.Encryption != "" && !disk.fresh():
			c.say(path+".encryption", "say image or size too, or leave encryption out", "it says how a volume is made, and none is")
		case disk.Volume == "" && !disk.fresh():
			c.say(path+".volume", "name a volume; or say image, or size, and one is made", "the disk has no volume")
		}
	}
	for _, name := range sortedKeys(d.CDROMs) {
		if image := d.CDROMs[name].Image; image != "" {
			c.err("cdroms."+name+".image", model.CheckName("image name", image))
		}
	}
}
