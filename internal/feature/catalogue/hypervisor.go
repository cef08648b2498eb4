package catalogue

// Hypervisor is what runs VMs, here or elsewhere.
type Hypervisor string

// The columns of the specification's Hypervisor Features table.
const (
	QEMUKVM Hypervisor = "QEMU/KVM"
	Xen     Hypervisor = "Xen"
	VMware  Hypervisor = "VMware"
	HyperV  Hypervisor = "Hyper-V"
)

// FullIntegration is the row of that table that is no feature: the product drives the hypervisor.
const FullIntegration = "Full Integration"

// foreign are the words by which people name hypervisors that are not ours.
var foreign = map[string]Hypervisor{
	"xen": Xen, "vmware": VMware, "esxi": VMware, "vsphere": VMware, "hyper-v": HyperV, "hyperv": HyperV,
}

// ForeignHypervisor returns the hypervisor that a word of a declaration names and that is not ours, with what the
// table says of driving it; false where the word is none.
func (c *Catalogue) ForeignHypervisor(word string) (Hypervisor, Support, bool) {
	h, ok := foreign[word]
	if !ok {
		return "", Support{}, false
	}
	s, _ := c.Ask(Hypervisors, FullIntegration, string(h)) // both are of the table
	return h, s, true
}
