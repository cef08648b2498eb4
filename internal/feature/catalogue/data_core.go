package catalogue

var light = Impact{CPU: "low", Memory: "low", Disk: "low", Network: "low"}

// Core features are on wherever Hyper-NixOS runs; they are the root of the dependency tree.
var coreFeatures = []Feature{
	{
		ID: VMManagement, Name: "VM Management", Category: CategoryCore, Core: true, Risk: Minimal,
		Needs: []Need{QEMU},
		On:    "VMs, local disks, images, clones, NAT network, import of own disks",
		Off:   "cannot be off",
		Platforms: map[Platform]Support{
			LinuxX86: {Mark: Full},
			LinuxARM: {Mark: Full},
			BSD:      {Limits, "BSD has no KVM: VMs run on QEMU's software emulation (TCG), many times slower"},
			MacOS:    {Nothing, "macOS is a client only: no VM can run on it"},
		},
		Impact: light,
	},
	{
		ID: PrivilegeSeparation, Name: "Privilege Separation", Category: CategoryCore, Core: true, Risk: Minimal,
		On:  "the daemon holds no privilege; one small helper does, and checks every request",
		Off: "cannot be off",
	},
	{
		ID: AuditLogging, Name: "Audit Logging", Category: CategoryCore, Core: true, Risk: Minimal,
		On:  "every change is recorded with its actor, intent and outcome, in a log that shows tampering",
		Off: "cannot be off",
	},
	{
		ID: BasicMonitoring, Name: "Basic Monitoring", Category: CategoryCore, Core: true, Risk: Minimal,
		On:  "CPU, memory, disk and network of host and VMs every 10 s, kept for 24 h, and events; nothing exported",
		Off: "cannot be off",
	},
}
