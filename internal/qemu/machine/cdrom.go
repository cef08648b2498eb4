package machine

import (
	"cmp"

	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// scsiSlot is the slot of the controller on which the drives are.
const scsiSlot = "scsi"

// mediaSets is added to a drive's target number to get the fdset of the medium that it starts with.
const mediaSets = 400

// CDROMDevice returns the id that the drive of this name has as a device in QEMU, which is the name of its medium's
// file too.
func CDROMDevice(name string) string { return "cdrom-" + name }

// CDROMNode returns the node name of the medium in the drive of this name.
func CDROMNode(name string) string { return nodeName("cdrom-", name) }

type virtioSCSI struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	IOThread string `json:"iothread,omitempty"`
}

type scsiCD struct {
	Driver    string `json:"driver"`
	ID        string `json:"id"`
	Bus       string `json:"bus"`
	Target    int    `json:"scsi-id,omitempty"`
	Drive     string `json:"drive,omitempty"` // absent: there is no medium in it
	BootIndex int    `json:"bootindex,omitempty"`
}

// scsi is the controller of the disks and drives on its bus.
func scsi(s *vm.SCSI, at place) part {
	device := virtioSCSI{Driver: "virtio-scsi-pci", ID: "scsi", place: at}
	if s != nil {
		device.IOThread = IOThread(s.IOThread)
	}
	return part{args: []string{"-device", object(device)}}
}

// usbDrive is what a drive on bus usb is in.
func usbDrive(name string) string { return "bot-" + name }

type usbBulk struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	usbPlace
}

// cdrom is a drive, on virtio-scsi where its bus does not say another: unlike a disk it goes on without a medium, and its guest hears of a new one.
func cdrom(name string, d vm.CDROM, medium Volume, target, unit int, ports map[string]int) part {
	device := scsiCD{Driver: "scsi-cd", ID: CDROMDevice(name), Bus: "scsi.0", Target: target, BootIndex: d.BootIndex}
	if d.Volume != "" {
		device.Drive = CDROMNode(name)
	}
	drive := any(device)
	if d.Bus == vm.BusSATA {
		drive = ata{Driver: "ide-cd", ID: device.ID, Bus: sataBus(ports[device.ID]), Drive: device.Drive, BootIndex: d.BootIndex}
	}
	var before []string
	if d.Bus == vm.BusUSB {
		device.Bus, device.Target = usbDrive(name)+".0", 0
		drive, before = device, []string{"-device", object(usbBulk{Driver: "usb-bot", ID: usbDrive(name), usbPlace: onUSB(unit)})}
	}
	if d.Volume == "" {
		return part{args: append(before, "-device", object(drive))}
	}
	args := addFD(device.ID, mediaSets+target)
	for _, node := range Medium(name, medium, fdset(mediaSets+target)) {
		args = append(args, "-blockdev", object(node))
	}
	return part{
		args:  append(append(args, before...), "-device", object(drive)),
		files: []File{{Name: device.ID, Kind: MediumFile, Object: d.Volume, Device: name, Access: ReadOnly}},
	}
}

// Medium returns the block nodes of a medium, file first, as QEMU takes them at start and while it runs.
func Medium(name string, v Volume, file string) []any {
	node := CDROMNode(name)
	n := formatNode{Driver: string(cmp.Or(v.Format, storage.Raw)), NodeName: node, File: node + fileSuffix, ReadOnly: true, Discard: "ignore"}
	image := any(n)
	if v.Format == storage.QCOW2 {
		image = qcow2Node{formatNode: n}
	}
	return []any{fileNode{Driver: "file", NodeName: node + fileSuffix, Filename: file, Locking: "on", ReadOnly: true, Discard: "ignore"}.on(v.Block), image}
}

// assignTargets gives every drive its number on the controller; one that is pinned keeps it.
func assignTargets(s vm.Spec, pinned map[string]int, held map[int]bool) map[string]int {
	if len(s.CDROMs) == 0 {
		return nil
	}
	return assign(sortedKeys(s.CDROMs), pinned, func(n int) bool { return n > 0 && !held[n] })
}
