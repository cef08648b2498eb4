package catalogue

var workloadFeatures = []Feature{
	{
		ID: DevEnvironments, Name: "Development Environments", Category: CategoryWorkload, Risk: Low, Since: first,
		Description: "Ready VMs for developers, made from templates with their tools.",
		Benefits:    []string{"a clean machine in a minute, and thrown away as fast"},
		On:          "ready development VMs",
		Off:         "their templates are hidden",
		Exposes:     "VMs with tools and wide access to the network",
		Mitigations: []string{"they stand behind NAT like any other VM"},
		Impact:      expected("low", "medium", "medium", "low"),
		Tunables:    none, // each call says what it takes
		ChangesIn:   setup,
	},
	{
		ID: Containers, Name: "Container Support", Category: CategoryWorkload, Risk: Low, Since: first,
		Description: "Runs containers beside VMs, under the same verbs, networks and limits.",
		Benefits:    []string{"small services without a kernel of their own"},
		Needs:       []Need{ContainerRuntime},
		On:          "containers beside VMs",
		Off:         "containers are refused",
		Exposes:     "the host's kernel to what runs in a container",
		Mitigations: []string{"containers run in user namespaces, without capabilities of the host"},
		Platforms: map[Platform]Support{
			LinuxX86: yes,
			LinuxARM: yes,
			BSD:      partly("only runtimes that BSD itself offers", "run Linux containers on a Linux host, or in a Linux VM"),
			MacOS:    partly("in part: macOS runs containers in a Linux VM of its own", "run them on a Linux host; hv reaches it with HV_HOST=ssh://user@host"),
		},
		Impact: expected("low", "low", "low", "low"),
		Tunables: []Tunable{
			choice("runtime", "what runs them", "runc", "crun"),
			number("maxContainers", "containers", 100, 1, 10000, "how many the host runs at most"),
		},
		ChangesIn: setup,
	},
	{
		ID: VMImport, Name: "VM Import", Category: CategoryWorkload, Risk: Low, Since: first,
		Description: "Takes VMs over from Xen, VMware and Hyper-V, with a report of what could not come along.",
		Benefits:    []string{"a way in that does not start from nothing"},
		On:          "import from other platforms",
		Off:         "own disks only",
		Exposes:     "readers of foreign formats to files from elsewhere",
		Mitigations: []string{"foreign files are read without privileges"},
		Impact:      expected("low", "low", "medium", "low"),
		Tunables: []Tunable{
			number("parallel", "imports", 1, 1, 16, "how many run at once"),
			size("maxImage", "2TiB", "1GiB", "64TiB", "the largest disk that is taken"),
		},
		ChangesIn: setup,
	},
}
