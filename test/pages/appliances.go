package pages

var appliances = Family{"OVF", "VMs as OVF appliances, and appliances as VMs.", []Code{
	{"HV-OVF-001", "the OVF descriptor cannot be read, or says what it does not have", "export the appliance again; the message names what is missing"},
	{"HV-OVF-002", "a file is no OVA: no tar of plain files with a descriptor and its disks", "unpack it (`tar xf`) and import the `.ovf`, or the disks by `hv image import`"},
	{"HV-OVF-003", "a file of an appliance is not what its manifest says, or the manifest is none", "fetch it again; `--no-verify` takes it as it is"},
	{"HV-OVF-004", "a file of an appliance is elsewhere, in parts, packed in a way that is not read, or holds differences only", "put it beside the descriptor, whole"},
	{"HV-OVF-005", "hardware of an appliance becomes another here", "the finding names both; `hv vm edit` changes it"},
	{"HV-OVF-006", "something is left out that an appliance, or a VM, has", "the finding says what, and another way to it where there is one"},
	{"HV-OVF-007", "an appliance is not of one machine", "export each of its machines for itself"},
	{"HV-OVF-008", "a VM is not exported while it runs", "`hv vm stop NAME`; or `hv snapshot create`, then `--snapshot`"},
	{"HV-OVF-009", "there is an image already of the name that a disk of an appliance is to have", "`--name` gives the VM and its disks another name"},
}}
