package vm

import "github.com/hyper-nixos/hyper-nixos/model"

// Limits of the threads that serve disks.
const (
	MaxIOThreads    = 16
	maxIOThreadName = 40
)

// IOThreads are the names of the threads that serve disks beside QEMU's own, in order.
func (s Spec) IOThreads() []string {
	named := map[string]bool{}
	for _, d := range s.Disks {
		if d.IOThread != "" {
			named[d.IOThread] = true
		}
	}
	return sortedKeys(named)
}

func (c *check) ioThreads(disks map[string]Disk) {
	for _, name := range sortedKeys(disks) {
		thread, path := disks[name].IOThread, "disks."+name+".iothread"
		if thread == "" {
			continue
		}
		c.err(path, model.CheckName("iothread", thread))
		if len(thread) > maxIOThreadName {
			c.say(path, "", "%d letters are more than %d", len(thread), maxIOThreadName)
		}
	}
	if n := len(Spec{Disks: disks}.IOThreads()); n > MaxIOThreads {
		c.say("disks", "let several disks name one thread", "%d iothreads are more than %d", n, MaxIOThreads)
	}
}
