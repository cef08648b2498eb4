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
	if s.SCSI != nil && s.SCSI.IOThread != "" {
		named[s.SCSI.IOThread] = true
	}
	return sortedKeys(named)
}

func (c *check) ioThreads(s Spec) {
	named := func(path, thread string) {
		if thread == "" {
			return
		}
		c.err(path, model.CheckName("iothread", thread))
		if len(thread) > maxIOThreadName {
			c.say(path, "", "%d letters are more than %d", len(thread), maxIOThreadName)
		}
	}
	for _, name := range sortedKeys(s.Disks) {
		named("disks."+name+".iothread", s.Disks[name].IOThread)
	}
	if s.SCSI != nil {
		named("scsi.iothread", s.SCSI.IOThread)
	}
	if n := len(s.IOThreads()); n > MaxIOThreads {
		c.say("disks", "let several disks name one thread", "%d iothreads are more than %d", n, MaxIOThreads)
	}
}
