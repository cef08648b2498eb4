package config

import (
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// busNotes are those of what a guest boots from, and of the buses, cards and sound that its devices are.
func busNotes() map[string]note {
	return map[string]note{
		"hypervisor.vms.*.disks.*.bus":      {doc: "What the disk is on: virtio (when absent); scsi (virtio-scsi), for many; sata on machine q35; nvme; or usb, as a stick.", enum: []string{vm.BusVirtio, vm.BusSCSI, vm.BusSATA, vm.BusNVMe, vm.BusUSB}},
		"hypervisor.vms.*.cdroms.*.bus":     {doc: "What the drive is on: scsi (virtio-scsi, when absent), sata on machine q35, or usb.", enum: []string{vm.BusSCSI, vm.BusSATA, vm.BusUSB}},
		"hypervisor.vms.*.nics.*.model":     {doc: "The network card: virtio (when absent), or for a system without a driver of it e1000e, rtl8139 (old ones) or vmxnet3 (of VMware; x86_64 alone).", enum: []string{vm.NICVirtio, vm.NICE1000E, vm.NICRTL8139, vm.NICVMXNET3}},
		"hypervisor.vms.*.nics.*.bootIndex": {doc: "Its turn in the order of booting, in one with disks and drives: by PXE. What has none is not booted from.", low: 1, high: vm.MaxBootIndex},
		"hypervisor.vms.*.boot.order":       {doc: "The devices that the firmware tries, the first one first, by their names: root, or disks.root where another device has that name too. It stands for their bootIndex.", most: vm.MaxBootIndex},
		"hypervisor.vms.*.boot.order[]":     {doc: "A disk, a drive or a network card."},
		"hypervisor.vms.*.boot.menu":        {doc: "The firmware waits at the start, and offers its menu to whoever presses Escape."},
		"hypervisor.vms.*.boot.menuTimeout": {doc: "Seconds that it waits; 5 when absent.", low: 1, high: vm.MaxMenuTimeout},
		"hypervisor.vms.*.scsi":             {doc: "The controller of bus scsi. It is there anyhow when something is on that bus; with it disks can be attached to it while the VM runs."},
		"hypervisor.vms.*.scsi.iothread":    {doc: "The thread that serves it with all its disks; QEMU's main thread when absent.", pattern: `^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`},
		"hypervisor.vms.*.usbController":    {doc: "A USB controller for what is plugged in while the VM runs; there when something is on bus usb, when absent."},
		"hypervisor.vms.*.sound":            {doc: "A sound card: ich9 (Intel HD Audio), ac97 for older systems, or none (when absent). Viewers by VNC that can hear it.", enum: words(vm.SoundICH9, vm.SoundAC97, vm.SoundNone)},
		"hypervisor.vms.*.graphics.memory":  {doc: "What the graphics card has to show a picture of; a power of two, 16MiB when absent. For vga, qxl and cirrus.", low: int64(model.MiB), high: int64(256 * model.MiB)},
	}
}
