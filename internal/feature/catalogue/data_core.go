package catalogue

import "github.com/hyper-nixos/hyper-nixos/internal/version"

// first is the release whose catalogue names every feature of the specification.
const first = version.FirstRelease

var light = Impact{CPU: "low", Memory: "low", Disk: "low", Network: "low"}

// expected is a load that the specification does not give.
func expected(cpu, memory, disk, network string) Impact {
	return Impact{CPU: cpu, Memory: memory, Disk: disk, Network: network, Estimated: true}
}

// Core features are on wherever Hyper-NixOS runs; they are the root of the dependency tree.
var coreFeatures = []Feature{
	{
		ID: VMManagement, Name: "VM Management", Category: CategoryCore, Core: true, Risk: Minimal, Since: first,
		Description: "Runs virtual machines on QEMU: defines, starts, stops, watches and edits them, with their disks, images and NAT network.",
		Benefits:    []string{"a VM outlives the daemon that started it", "every change shows its plan first (--dry-run)"},
		Needs:       []Need{QEMU},
		On:          "VMs, local disks, images, clones, NAT network, import of own disks",
		Off:         "cannot be off",
		Exposes:     "QEMU's device models to what runs in a guest",
		Mitigations: []string{"each VM has a user of its own, namespaces, seccomp and no capability", "devices that a VM does not name are not there"},
		Platforms: map[Platform]Support{
			LinuxX86: yes,
			LinuxARM: yes,
			BSD:      partly("BSD has no KVM: VMs run on QEMU's software emulation (TCG), many times slower", linuxPC),
			MacOS:    never("macOS is a client only: no VM can run on it", onLinux),
		},
		Impact:   light,
		Tunables: none, // what there is to set is set per VM, under hypervisor.vms
	},
	{
		ID: PrivilegeSeparation, Name: "Privilege Separation", Category: CategoryCore, Core: true, Risk: Minimal, Since: first,
		Description: "Splits the product in two: a daemon without any privilege, and a small helper that holds them and does a fixed list of things.",
		Benefits:    []string{"a daemon that was taken over reads no file of the host's through the helper"},
		On:          "the daemon holds no privilege; one small helper does, and checks every request",
		Off:         "cannot be off",
		Exposes:     "one program that runs as root",
		Mitigations: []string{"it takes typed values and no paths, from the daemon alone", "it links no HTTP server and no store"},
		Impact:      expected("low", "low", "low", "low"),
		Tunables:    none,
	},
	{
		ID: AuditLogging, Name: "Audit Logging", Category: CategoryCore, Core: true, Risk: Minimal, Since: first,
		Description: "Writes down every change before it happens and how it ended, in a Merkle log whose heads are signed.",
		Benefits:    []string{"who did what, and when, can be shown later", "a record that was edited, dropped or reordered is found (hv audit verify)"},
		On:          "every change is recorded with its actor, intent and outcome, in a log that shows tampering",
		Off:         "cannot be off",
		Exposes:     "names of users and VMs to whoever may read the log",
		Mitigations: []string{"only root reads it", "it holds no secrets and no content of guests"},
		Impact:      expected("low", "low", "low", "low"),
		Tunables:    none,
	},
	{
		ID: BasicMonitoring, Name: "Basic Monitoring", Category: CategoryCore, Core: true, Risk: Minimal, Since: first,
		Description: "Samples the host and every VM, and keeps a day of it in memory.",
		Benefits:    []string{"what a VM used an hour ago can be seen without anything set up"},
		On:          "CPU, memory, disk and network of host and VMs every 10 s, kept for 24 h, and events; nothing exported",
		Off:         "cannot be off",
		Exposes:     "the load of VMs to members of the group hypervisor",
		Mitigations: []string{"nothing leaves the host"},
		Impact:      expected("low", "low", "low", "low"),
		Tunables:    none,
	},
}
