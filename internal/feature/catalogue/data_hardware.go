package catalogue

// Hardware features move VMs between hosts or give them real devices.
var hardwareFeatures = []Feature{
	{
		ID: LiveMigration, Name: "Live Migration", Category: CategoryHardware, Risk: High,
		Needs:       []Need{SecondHost, EncryptedChannel},
		On:          "running VMs move to another host",
		Off:         "only cold moves",
		Exposes:     "a VM's memory on the network, and its control to a second host",
		Mitigations: []string{"the channel is encrypted and both hosts are authenticated"},
		Impact:      Impact{CPU: "high", Memory: "low", Disk: "low", Network: "high"},
		ChangesIn:   setup,
	},
	{
		ID: GPUPassthrough, Name: "GPU Passthrough", Category: CategoryHardware, Risk: High,
		Needs:       []Need{CPUVirtualization, IOMMU, VFIO},
		On:          "GPUs are assigned to VMs",
		Off:         "assigning a GPU is refused",
		Exposes:     "a device with direct memory access and its firmware to the guest",
		Mitigations: []string{"the IOMMU confines the device to its VM's memory", "whole IOMMU groups are assigned, never parts"},
		Platforms: map[Platform]Support{
			LinuxX86: {Mark: Full},
			LinuxARM: {Limits, "it needs an SMMUv3, and few ARM64 boards isolate their slots"},
			BSD:      {Nothing, vfioLinux},
			MacOS:    {Nothing, vfioLinux},
		},
		ChangesIn: setup,
	},
	{
		ID: DevicePassthrough, Name: "Device Passthrough", Category: CategoryHardware, Risk: High,
		Needs:       []Need{CPUVirtualization, IOMMU, VFIO},
		On:          "PCI, NVMe, HBA and USB devices are assigned to VMs",
		Off:         "assigning a device is refused",
		Exposes:     "a device with direct memory access and its firmware to the guest",
		Mitigations: []string{"the IOMMU confines the device to its VM's memory", "whole IOMMU groups are assigned, never parts"},
		Platforms: map[Platform]Support{
			LinuxX86: {Mark: Full},
			LinuxARM: {Limits, "it needs an SMMUv3"},
			BSD:      {Nothing, vfioLinux},
			MacOS:    {Nothing, vfioLinux},
		},
		ChangesIn: setup,
	},
	{
		ID: SRIOV, Name: "SR-IOV", Category: CategoryHardware, Risk: High,
		Needs:       []Need{CPUVirtualization, IOMMU, SRIOVCard},
		On:          "virtual functions of a card are assigned to VMs",
		Off:         "assigning a virtual function is refused",
		Exposes:     "a part of a shared card to the guest; its packets pass the host unseen",
		Mitigations: []string{"the IOMMU confines the function to its VM's memory", "the card checks the MAC address of each function"},
		Platforms: map[Platform]Support{
			LinuxX86: {Mark: Full},
			LinuxARM: {Nothing, "virtual functions are not supported on ARM64 hosts"},
			BSD:      {Nothing, vfioLinux},
			MacOS:    {Nothing, vfioLinux},
		},
		ChangesIn: setup,
	},
	{
		ID: NestedVirtualization, Name: "Nested Virtualization", Category: CategoryHardware, Risk: Moderate,
		Needs:       []Need{CPUVirtualization},
		On:          "VMs may run VMs",
		Off:         "the CPU flag is masked",
		Exposes:     "the kernel's nested-paging code to the guest",
		Mitigations: []string{"only VMs that ask for it see the flag"},
		Platforms: map[Platform]Support{
			LinuxX86: {Mark: Full},
			LinuxARM: {Limits, "it needs a CPU with FEAT_NV2 and a kernel that uses it"},
		},
		ChangesIn: setup,
	},
}
