package vm

import "github.com/hyper-nixos/hyper-nixos/model"

// MemoryBlock is what memory comes and goes in while a VM runs: a huge page of x86_64, of which virtio-mem plugs whole
// ones.
const MemoryBlock = 2 * model.MiB

// room checks what a VM may be given while it runs.
func (c *check) room(s Spec) {
	if s.CPUsMax != 0 {
		c.between("cpusMax", s.CPUsMax, MaxCPUs)
		if s.CPUsMax > 0 && s.CPUs > s.CPUsMax {
			c.say("cpusMax", "", "cpus %d are more than cpusMax %d", s.CPUs, s.CPUsMax)
		}
	}
	if s.MemoryMax == 0 {
		return
	}
	memory := s.Memory
	if memory == 0 {
		memory = DefaultMemory
	}
	switch {
	case s.MemoryMax > MaxMemory:
		c.say("memoryMax", "", "%s is more than %s", s.MemoryMax, MaxMemory)
	case s.MemoryMax <= memory:
		c.say("memoryMax", "leave it out, or make it more than memory", "%s is no more than memory %s", s.MemoryMax, memory)
	case s.MemoryMax%MemoryBlock != 0 || memory%MemoryBlock != 0:
		c.say("memoryMax", "", "memory %s and memoryMax %s must be multiples of %s", memory, s.MemoryMax, MemoryBlock)
	}
}
