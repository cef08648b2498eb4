package config

import "github.com/hyper-nixos/hyper-nixos/model/vm"

// deviceNotes are those of what a guest is given of its host, and of how its devices are.
func deviceNotes() map[string]note {
	return map[string]note{
		"hypervisor.storage.shares":             {doc: "Folders of the host's that VMs may mount by virtiofs, by name.", most: maxShares, pattern: dnsLabel},
		"hypervisor.storage.shares.*":           {doc: "One folder. A VM's spec names it; where it is stands here alone."},
		"hypervisor.storage.shares.*.path":      {doc: "The folder, below /srv, /mnt, /media or /data, with everything above it root's alone. Its owner is who a guest is there.", required: true, pattern: `^/(srv|mnt|media|data)/.+$`},
		"hypervisor.storage.shares.*.readOnly":  {doc: "Whether guests only read it; no when absent."},
		"hypervisor.vms.*.shares":               {doc: "Folders of the host's that the guest mounts by virtiofs, by mount tag. Such a VM is neither suspended nor saved with its memory.", most: vm.MaxShares, pattern: dnsLabel},
		"hypervisor.vms.*.shares.*":             {doc: "One folder: mount -t virtiofs TAG /mnt."},
		"hypervisor.vms.*.shares.*.share":       {doc: "The share, as hypervisor.storage.shares names it.", required: true, pattern: dnsLabel},
		"hypervisor.vms.*.shares.*.readOnly":    {doc: "Whether this guest only reads it; as the share is when absent."},
		"hypervisor.vms.*.os":                   {doc: "What runs in the guest: firmware, clock, TPM, screen, buses and more follow from it where they are absent.", enum: words(vm.OSes()...)},
		"hypervisor.vms.*.clock":                {doc: "What the machine's clock shows at the start: utc (when absent), or localtime, as Windows reads it.", enum: []string{vm.ClockUTC, vm.ClockLocal}},
		"hypervisor.vms.*.hyperv":               {doc: "Hyper-V's enlightenments for a Windows guest, with KVM on x86_64; off when absent."},
		"hypervisor.vms.*.disks.*.image":        {doc: "The image of the library (hv image list) that its volume is made of when the disk is new. The volume is kept from then on.", pattern: dnsLabel},
		"hypervisor.vms.*.disks.*.size":         {doc: "How large its volume is made, such as 20GiB: of an image, or empty; as the image when absent. A larger one makes it grow, a smaller one changes nothing."},
		"hypervisor.vms.*.disks.*.pool":         {doc: "The pool in which its volume is made; default when absent.", pattern: dnsLabel},
		"hypervisor.vms.*.disks.*.encryption":   {doc: "The key (hv key list) that its volume is encrypted with when it is made, or none; key default where there is one when absent.", pattern: dnsLabel},
		"hypervisor.vms.*.cdroms.*.image":       {doc: "An ISO of the library, as the medium. Its volume is made where there is none, and called as the image unless volume says otherwise.", pattern: dnsLabel},
		"hypervisor.vms.*.vsock":                {doc: "A way from guest to host without a network (AF_VSOCK); none when absent."},
		"hypervisor.vms.*.vsock.cid":            {doc: "What the guest is called on the host; made from the VM's UUID when absent.", low: vm.MinCID, high: vm.MaxCID},
		"hypervisor.vms.*.disks.*.cache":        {doc: "How the host caches it: writeback (when absent), none: past the page cache (when absent on a block device), writethrough and directsync: each write is on the disk before the guest hears of it, unsafe: the guest's flushes do nothing, and a crash of the host loses what it wrote.", enum: vm.Caches()},
		"hypervisor.vms.*.disks.*.aio":          {doc: "How QEMU hands requests to the kernel: threads (when absent), or native, which needs cache none or directsync.", enum: vm.AIOs()},
		"hypervisor.vms.*.disks.*.discard":      {doc: "What the guest discards is given back to the pool: unmap (when absent), or ignore.", enum: vm.Discards()},
		"hypervisor.vms.*.disks.*.detectZeroes": {doc: "Zeros that the guest writes: off (when absent) writes them, on notes them without writing, unmap gives their room back.", enum: vm.Zeroes()},
	}
}
