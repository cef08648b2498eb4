package pages

var snapshots = Family{"SNAP", "Snapshots of VMs.", []Code{
	{"HV-SNAP-001", "a VM has no snapshot of that name", "`hv snapshot list VM`"},
	{"HV-SNAP-002", "a snapshot is being taken or deleted", "`hv operation list`"},
	{"HV-SNAP-003", "a VM has a snapshot of that name already", "choose another name"},
	{"HV-SNAP-004", "a VM that has snapshots is to be deleted", "delete them first: `hv snapshot delete`"},
	{"HV-SNAP-005", "a volume that is in a snapshot is to be deleted", "delete that snapshot first"},
	{"HV-SNAP-010", "a disk of a snapshot is not the VM's any more", "attach its volume again"},
	{"HV-SNAP-011", "the guest was to write out what it holds back, and did not", "start its agent, or `--quiesce auto`"},
	{"HV-SNAP-012", "the memory of a VM could not be saved", "`hv vm logs VM --log qemu`"},
	{"HV-SNAP-013", "a snapshot is deleted, and the room that it took is not given back yet", "what the error says, such as room in the pool; the next snapshot that is deleted takes it along"},
	{"HV-SNAP-020", "a VM has no disk that it writes to", "give it one"},
	{"HV-SNAP-021", "a suspended VM: its memory is in a file of its own", "`hv vm start`, then take the snapshot"},
	{"HV-SNAP-022", "memory is asked for of a VM that does not run", "leave `--memory` out, or start it"},
	{"HV-SNAP-023", "a pool that keeps no layers", "move the volume to a pool of kind dir"},
	{"HV-SNAP-025", "a VM with as many snapshots as are kept", "delete some"},
	{"HV-SNAP-026", "a disk of a VM that runs waits for a restart, or is being changed: QEMU has another", "stop the VM, and take the snapshot then"},
	{"HV-SNAP-027", "a VM with shares is not saved with its memory: what it has open there would be no more", "leave `--memory` out, or take `shares` out of its spec and start it anew"},
}}
