package catalogue

const (
	vfioLinux = "assigning a device needs VFIO, which is an interface of the Linux kernel"
	smmuHost  = "use a board with an SMMUv3 before its slots, or an x86_64 host"
	vfioHost  = "use a Linux host on x86_64"
)

// Hardware features move VMs between hosts or give them real devices.
var hardwareFeatures = []Feature{
	{
		ID: LiveMigration, Name: "Live Migration", Category: CategoryHardware, Risk: High, Since: first,
		Description: "Moves a running VM to another host, with a pause of a fraction of a second.",
		Benefits:    []string{"a host is serviced without stopping its VMs"},
		Needs:       []Need{SecondHost, EncryptedChannel},
		On:          "running VMs move to another host",
		Off:         "only cold moves",
		Exposes:     "a VM's memory on the network, and its control to a second host",
		Mitigations: []string{"the channel is encrypted and both hosts are authenticated"},
		Impact:      Impact{CPU: "high", Memory: "low", Disk: "low", Network: "high"},
		Tunables: []Tunable{
			size("bandwidth", "0MiB", "0MiB", "100GiB", "the most that a move sends in a second; 0MiB is no limit"),
			lasting("maxDowntime", "1s", "1s", "60s", "how long a guest may stand still at the end of a move"),
			number("parallel", "moves", 1, 1, 16, "how many VMs move at once"),
			flag("compress", false, "memory is compressed on its way"),
		},
		ChangesIn: setup,
	},
	{
		ID: GPUPassthrough, Name: "GPU Passthrough", Category: CategoryHardware, Risk: High, Since: first,
		Description: "Gives a whole GPU to one VM.",
		Benefits:    []string{"graphics and computing at the speed of the card"},
		Needs:       []Need{CPUVirtualization, IOMMU, VFIO},
		On:          "GPUs are assigned to VMs",
		Off:         "assigning a GPU is refused",
		Exposes:     "a device with direct memory access and its firmware to the guest",
		Mitigations: []string{"the IOMMU confines the device to its VM's memory", "whole IOMMU groups are assigned, never parts"},
		Platforms: map[Platform]Support{
			LinuxX86: yes,
			LinuxARM: partly("it needs an SMMUv3, and few ARM64 boards isolate their slots", smmuHost),
			BSD:      never(vfioLinux, vfioHost),
			MacOS:    never(vfioLinux, vfioHost),
		},
		Impact: expected("low", "high", "low", "low"), // all of the VM's memory is pinned
		Tunables: []Tunable{
			list("devices", "the PCI addresses that may be assigned; empty: every GPU but the host's own"),
			flag("resetAfterUse", true, "a device is reset before the next VM gets it"),
		},
		ChangesIn: setup,
	},
	{
		ID: DevicePassthrough, Name: "Device Passthrough", Category: CategoryHardware, Risk: High, Since: first,
		Description: "Gives a PCI, NVMe, HBA or USB device to one VM.",
		Benefits:    []string{"a guest drives the device itself, at its full speed"},
		Needs:       []Need{CPUVirtualization, IOMMU, VFIO},
		On:          "PCI, NVMe, HBA and USB devices are assigned to VMs",
		Off:         "assigning a device is refused",
		Exposes:     "a device with direct memory access and its firmware to the guest",
		Mitigations: []string{"the IOMMU confines the device to its VM's memory", "whole IOMMU groups are assigned, never parts"},
		Platforms: map[Platform]Support{
			LinuxX86: yes,
			LinuxARM: partly("it needs an SMMUv3", smmuHost),
			BSD:      never(vfioLinux, vfioHost),
			MacOS:    never(vfioLinux, vfioHost),
		},
		Impact: expected("low", "high", "low", "low"), // all of the VM's memory is pinned
		Tunables: []Tunable{
			list("devices", "the PCI and USB addresses that may be assigned; empty: what the host does not use"),
			flag("resetAfterUse", true, "a device is reset before the next VM gets it"),
		},
		ChangesIn: setup,
	},
	{
		ID: SRIOV, Name: "SR-IOV", Category: CategoryHardware, Risk: High, Since: first,
		Description: "Cuts a card into virtual functions and gives them to VMs.",
		Benefits:    []string{"many VMs share one card at nearly its full speed"},
		Needs:       []Need{CPUVirtualization, IOMMU, SRIOVCard},
		On:          "virtual functions of a card are assigned to VMs",
		Off:         "assigning a virtual function is refused",
		Exposes:     "a part of a shared card to the guest; its packets pass the host unseen",
		Mitigations: []string{"the IOMMU confines the function to its VM's memory", "the card checks the MAC address of each function"},
		Platforms: map[Platform]Support{
			LinuxX86: yes,
			LinuxARM: never("virtual functions are not supported on ARM64 hosts", vfioHost),
			BSD:      never(vfioLinux, vfioHost),
			MacOS:    never(vfioLinux, vfioHost),
		},
		Impact: expected("low", "high", "low", "low"), // all of the VM's memory is pinned
		Tunables: []Tunable{
			number("functionsPerCard", "virtual functions", 4, 1, 256, "how many a card is cut into"),
			flag("checkMAC", true, "the card drops what does not come from the function's own MAC address"),
		},
		ChangesIn: setup,
	},
	{
		ID: NestedVirtualization, Name: "Nested Virtualization", Category: CategoryHardware, Risk: Moderate, Since: first,
		Description: "Lets a guest be a host: it is shown the CPU's virtualization and runs VMs of its own.",
		Benefits:    []string{"clusters and hypervisors are tried out inside VMs"},
		Needs:       []Need{CPUVirtualization},
		On:          "VMs may run VMs",
		Off:         "the CPU flag is masked",
		Exposes:     "the kernel's nested-paging code to the guest",
		Mitigations: []string{"only VMs that ask for it see the flag"},
		Platforms: map[Platform]Support{
			LinuxX86: yes,
			LinuxARM: partly("it needs a CPU with FEAT_NV2 and a kernel that uses it", "use a CPU with FEAT_NV2, or an x86_64 host"),
		},
		Impact:    expected("medium", "low", "low", "low"),
		Tunables:  none, // each VM asks for it: hypervisor.vms.NAME.nestedVirtualization
		ChangesIn: setup,
	},
}
