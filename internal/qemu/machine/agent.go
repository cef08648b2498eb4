package machine

// agentSlot is the slot of the controller on which the guest agent's port is.
const agentSlot = "agent"

// AgentSocket is the name of the socket on which the guest agent is spoken to, and of its character device in QEMU.
const AgentSocket = "agent0"

// AgentPort is the id that the guest agent's port has as a device in QEMU, as VSERPORT_CHANGE names it.
const AgentPort = "agent-port"

type virtioSerial struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	MaxPorts int `json:"max_ports"` // the first is kept for a console
}

type virtSerialPort struct {
	Driver  string `json:"driver"`
	ID      string `json:"id"`
	Bus     string `json:"bus"`
	Number  int    `json:"nr"`
	Chardev string `json:"chardev"`
	Name    string `json:"name"`
}

// agent is a port on a listening socket, under the name by which qemu-guest-agent finds it in the guest. One that has
// no agent is not disturbed by it.
func agent(at place) part {
	return part{
		args: []string{
			"-chardev", options("socket", "id", AgentSocket, "fd", fd(AgentSocket), "server", "on", "wait", "off"),
			"-device", object(virtioSerial{Driver: "virtio-serial-pci", ID: "agent", place: at, MaxPorts: 2}),
			"-device", object(virtSerialPort{Driver: "virtserialport", ID: AgentPort, Bus: "agent.0", Number: 1, Chardev: AgentSocket, Name: "org.qemu.guest_agent.0"}),
		},
		sockets: []string{AgentSocket},
	}
}
