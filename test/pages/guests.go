package pages

var guests = Family{"GUEST", "What a guest says, or does not.", []Code{
	{"HV-GUEST-001", "a VM's guest agent does not answer", "wait until the guest has booted; then install qemu-guest-agent in it, or start it anew"},
	{"HV-GUEST-002", "a VM was started without a port for a guest agent", "take agent = false out of its spec, then stop and start it"},
	{"HV-GUEST-003", "a guest's agent does not do this, or is not allowed to", "allow it in the configuration of qemu-guest-agent in the guest, or install a newer one; hv vm guest lists what it lacks"},
	{"HV-GUEST-004", "a guest's agent refuses", "the guest's own words stand behind it"},
	{"HV-GUEST-005", "a guest's agent cannot be understood", "try again; start qemu-guest-agent in the guest anew"},
	{"HV-GUEST-006", "a guest's file systems are frozen", "wait until the snapshot is taken: it is thawed by itself"},
	{"HV-GUEST-007", "a program in a guest has not ended in time", "it goes on in the guest: the process is named"},
	{"HV-GUEST-008", "what a guest was asked for is malformed", "the bound is named"},
	{"HV-GUEST-009", "cloud-init would not take this", "what its schema minds is told, with its place; `cloudInit.unchecked = true` where the guest's is newer"},
	{"HV-GUEST-010", "a VM has no cloudInit", "add it to its spec: docs/guests.md"},
	{"HV-GUEST-020", "a VM's guest has no address on a network that leads to it, so ssh has nowhere to go", "`--address` of `hv shell`, or its serial console"},
	{"HV-GUEST-021", "no server of SSH answers at the guest's addresses", "start one in the guest, or take its serial console: `hv shell NAME --via serial`"},
}}
