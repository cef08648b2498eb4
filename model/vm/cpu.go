package vm

import (
	"maps"
	"regexp"
	"slices"
)

// CPU is what the guest sees as its processor.
type CPU struct {
	Model    string          `json:"model,omitempty"`    // auto, host, max, or a name that QEMU has for a model
	Features map[string]bool `json:"features,omitempty"` // CPU flags by QEMU's name: shown, or hidden
	Sockets  int             `json:"sockets,omitempty"`
	Cores    int             `json:"cores,omitempty"`   // of each socket
	Threads  int             `json:"threads,omitempty"` // of each core
}

// The CPU models that no QEMU has to name.
const (
	// CPUAuto is the host's CPU with KVM, and under TCG what the emulator does best.
	CPUAuto = "auto"
	CPUHost = "host" // the host's; needs KVM
	CPUMax  = "max"  // all that the accelerator can do
)

// MaxCPUFeatures bounds the flags that one spec may name.
const MaxCPUFeatures = 64

// nestedFlags let a guest run VMs. They are a feature of the host's, not one spec's choice.
var nestedFlags = []string{"vmx", "svm"}

var (
	modelShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
	flagShape  = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,39}$`)
)

func (c *CPU) clone() *CPU {
	if c == nil {
		return nil
	}
	v := *c
	v.Features = maps.Clone(c.Features)
	return &v
}

// product is how many vCPUs the parts of the topology that are given come to.
func (c *CPU) product() int {
	n := 1
	for _, part := range []int{c.Sockets, c.Cores, c.Threads} {
		n *= max(part, 1)
	}
	return n
}

// whole reports whether all of the topology is given.
func (c *CPU) whole() bool { return c.Sockets > 0 && c.Cores > 0 && c.Threads > 0 }

// processor says how many vCPUs there are, where the spec is silent, and which model they are.
func processor(s *Spec, set func(path string, missing bool, fill func())) {
	if s.CPU == nil {
		s.CPU = &CPU{}
	}
	set("cpus", s.CPUs == 0, func() {
		if s.CPUs = max(DefaultCPUs, s.CPU.product()); s.CPUsMax > 0 { // the layout is that of all
			s.CPUs = DefaultCPUs
		}
	})
	set("cpu.model", s.CPU.Model == "", func() { s.CPU.Model = CPUAuto })
}

// Topology is how the vCPUs of an effective spec are laid out. What is not given follows from their number: as
// many cores as fit on one socket, because some systems are licensed, or limited, by the socket.
func (s Spec) Topology() (sockets, cores, threads int) {
	given := CPU{}
	if s.CPU != nil {
		given = *s.CPU
	}
	rest := max(max(s.CPUs, s.CPUsMax)/given.product(), 1)
	sockets, cores, threads = given.Sockets, given.Cores, given.Threads
	for _, part := range []*int{&cores, &sockets, &threads} {
		if *part == 0 {
			*part, rest = rest, 1
		}
	}
	return sockets, cores, threads
}

func (c *check) cpu(s Spec) {
	if s.CPU == nil {
		return
	}
	p := s.CPU
	if p.Model != "" && !modelShape.MatchString(p.Model) {
		c.say("cpu.model", "hv host -o json lists them", "%.40q is no name of a CPU model", p.Model)
	}
	if len(p.Features) > MaxCPUFeatures {
		c.say("cpu.features", "", "%d flags are more than %d", len(p.Features), MaxCPUFeatures)
	}
	for _, flag := range sortedKeys(p.Features) {
		switch {
		case !flagShape.MatchString(flag):
			c.say("cpu.features", "write a flag as QEMU does, without + or -: avx2 = false", "%.40q is no name of a CPU flag", flag)
		case slices.Contains(nestedFlags, flag):
			c.say("cpu.features."+flag, "nestedVirtualization = true", "%s is what lets a guest run VMs: it follows nestedVirtualization", flag)
		}
	}
	c.layout(max(s.CPUs, s.CPUsMax), p)
}

func (c *check) layout(cpus int, p *CPU) {
	before := len(c.found)
	c.between("cpu.sockets", p.Sockets, MaxCPUs)
	c.between("cpu.cores", p.Cores, MaxCPUs)
	c.between("cpu.threads", p.Threads, MaxCPUs)
	if len(c.found) > before {
		return
	}
	switch n := p.product(); {
	case n > MaxCPUs:
		c.say("cpu", "", "its sockets, cores and threads are %d vCPUs, more than %d", n, MaxCPUs)
	case cpus == 0:
	case p.whole() && n != cpus:
		c.say("cpu", "leave cpus out and it follows from them", "its sockets, cores and threads are %d vCPUs, and cpus says %d", n, cpus)
	case cpus%n != 0:
		c.say("cpu", "leave cpus out and it follows from them", "%d vCPUs cannot be laid out evenly: what is given of sockets, cores and threads comes to %d", cpus, n)
	}
}
