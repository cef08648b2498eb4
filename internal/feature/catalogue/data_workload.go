package catalogue

var workloadFeatures = []Feature{
	{
		ID: DevEnvironments, Name: "Development Environments", Category: CategoryWorkload, Risk: Low,
		On:          "ready development VMs",
		Off:         "their templates are hidden",
		Exposes:     "VMs with tools and wide access to the network",
		Mitigations: []string{"they stand behind NAT like any other VM"},
		ChangesIn:   setup,
	},
	{
		ID: Containers, Name: "Container Support", Category: CategoryWorkload, Risk: Low,
		Needs:       []Need{ContainerRuntime},
		On:          "containers beside VMs",
		Off:         "containers are refused",
		Exposes:     "the host's kernel to what runs in a container",
		Mitigations: []string{"containers run in user namespaces, without capabilities of the host"},
		Platforms: map[Platform]Support{
			LinuxX86: {Mark: Full},
			LinuxARM: {Mark: Full},
			BSD:      {Limits, "only runtimes that BSD itself offers"},
			MacOS:    {Limits, "in part: macOS runs containers in a Linux VM of its own"},
		},
		ChangesIn: setup,
	},
	{
		ID: VMImport, Name: "VM Import", Category: CategoryWorkload, Risk: Low,
		On:          "import from other platforms",
		Off:         "own disks only",
		Exposes:     "readers of foreign formats to files from elsewhere",
		Mitigations: []string{"foreign files are read without privileges"},
		ChangesIn:   setup,
	},
}
