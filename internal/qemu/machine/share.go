package machine

import (
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func shareSlot(tag string) string { return "fs/" + tag }

type vhostUserFS struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	Chardev string `json:"chardev"`
	Tag     string `json:"tag"`
}

// share is a file system that the guest mounts by its tag. What is behind it is the virtiofsd which hv-helper runs beside QEMU
// and joins to it by a connection of theirs alone.
func share(tag string, at place) part {
	id := privilege.ShareSocket(tag)
	return part{args: []string{
		"-chardev", options("socket", "id", id, "fd", fd(id)),
		"-device", object(vhostUserFS{Driver: "vhost-user-fs-pci", ID: id, place: at, Chardev: id, Tag: tag}),
	}}
}

const vsockSlot = "vsock"

type vhostVsock struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	CID     int    `json:"guest-cid"`
	VhostFD string `json:"vhostfd"`
}

// vsock is served by the host's kernel, by a descriptor that hv-helper has opened.
func vsock(v vm.Vsock, at place) part {
	return part{args: []string{"-device", object(vhostVsock{Driver: "vhost-vsock-pci", ID: "vsock", place: at, CID: v.CID, VhostFD: fd(privilege.VsockFile)})}}
}
