package machine

type vmGenID struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	GUID   string `json:"guid"`
}

// generation tells the guest which copy of itself it is: when that changes, its kernel mixes new randomness into what
// would repeat, and its software makes identities anew. It is a device of ACPI, which QEMU has on x86 alone.
// Source: docs/specs/vmgenid.txt of QEMU; "Virtual Machine Generation ID", Microsoft, 2012.
func generation(guid string) part {
	return part{args: []string{"-device", object(vmGenID{Driver: "vmgenid", ID: "generation", GUID: guid})}}
}
