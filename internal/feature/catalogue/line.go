package catalogue

import "slices"

// Line is one statement of one of the specification's lists. What falls short has a reason and a remedy.
type Line struct {
	Support
	Text string `json:"text"` // as the specification says it
}

// NetworkMode is how VMs are joined to the world.
type NetworkMode string

// The modes of the specification.
const (
	NAT      NetworkMode = "nat" // the default
	Bridged  NetworkMode = "bridged"
	Isolated NetworkMode = "isolated"
)

// Reach is one thing that a network mode gives or does not give.
type Reach string

// What the modes are told apart by.
const (
	Internet       Reach = "internet"       // a VM reaches the internet
	Neighbours     Reach = "neighbours"     // VMs of the network reach each other
	PortForwarding Reach = "portForwarding" // a port of the host leads to a VM
	Inbound        Reach = "inbound"        // the outside reaches a VM at its own address
	SameLAN        Reach = "sameLAN"        // a VM is on the network that the host is on
	OwnFirewall    Reach = "ownFirewall"    // VMs are kept apart without a firewall to be written
	Contained      Reach = "contained"      // what goes wrong in a VM stays in its network
)

// Mode is a network mode with each of its lines.
type Mode struct {
	ID    NetworkMode `json:"id"`
	Name  string      `json:"name"` // "NAT Mode (Default)"
	Lines []ModeLine  `json:"lines"`
}

// ModeLine is a line of a mode, and what it is about.
type ModeLine struct {
	Line
	Reach Reach `json:"reach"`
}

// Reaches says what m gives of r; ok is false where the mode says nothing of it.
func (m Mode) Reaches(r Reach) (Line, bool) {
	i := slices.IndexFunc(m.Lines, func(l ModeLine) bool { return l.Reach == r })
	if i < 0 {
		return Line{}, false
	}
	return m.Lines[i].Line, true
}

// Modes returns every network mode, in the specification's order.
func (c *Catalogue) Modes() []Mode { return slices.Clone(c.modes) }

// Mode returns the network mode of that id.
func (c *Catalogue) Mode(id NetworkMode) (Mode, bool) {
	i := slices.IndexFunc(c.modes, func(m Mode) bool { return m.ID == id })
	if i < 0 {
		return Mode{}, false
	}
	return c.modes[i], true
}

var modes = []Mode{
	{ID: NAT, Name: "NAT Mode (Default)", Lines: []ModeLine{
		good(Internet, "Internet access for VMs"),
		good(Neighbours, "VM-to-VM communication"),
		good(PortForwarding, "Port forwarding"),
		bad(Inbound, Nothing, "Direct external access to VMs",
			"a VM's address is known on this host only, and delegated IPv6 prefixes are closed inbound",
			"forward a port of the host, or put the VM on a bridged network"),
	}},
	{ID: Bridged, Name: "Bridged Mode", Lines: []ModeLine{
		good(SameLAN, "Direct network access"),
		good(Inbound, "External accessibility"),
		bad(OwnFirewall, Limits, "Requires additional firewall config",
			"nothing stands between the VM and its network but what is written for it",
			"turn on microSegmentation and write a policy for the VM"),
		bad(Contained, Limits, "Security considerations",
			"the VM is seen by everybody on that network, and can answer for addresses that are not its own",
			"bridge to a network that you trust, and let the host check the VM's MAC and IP addresses; a public one needs publicBridge"),
	}},
	{ID: Isolated, Name: "Isolated Mode", Lines: []ModeLine{
		good(Contained, "Maximum security"),
		good(Neighbours, "VM-to-VM only"),
		bad(Internet, Nothing, "No internet access",
			"the network has no uplink, and the host drops what VMs send it but DHCP and the zone's own DNS",
			"give the VM a second network card on a NAT network, or take NAT mode"),
		bad(Inbound, Nothing, "No external access",
			"no way leads into the network from outside",
			"use the VM's console (hv vm console), or take another mode"),
	}},
}

func good(r Reach, text string) ModeLine { return ModeLine{Line{yes, text}, r} }

func bad(r Reach, m Mark, text, reason, remedy string) ModeLine {
	return ModeLine{Line{Support{m, reason, remedy}, text}, r}
}
