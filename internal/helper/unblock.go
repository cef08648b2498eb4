package helper

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
)

// QEMU takes the connection of a network card while it builds its machine, and while it runs, when it comes round to it.
const (
	acceptsWithin = time.Minute
	lastLook      = 250 * time.Millisecond
)

// unblock keeps QEMU from waiting on the connections behind network cards. As a client it has them so itself; as the server
// that it is here it takes what accept(2) gives, and writes to it from its main loop. Under load passt waits until QEMU reads,
// and QEMU until passt does: for ever, and with its monitor (seen with 7.2 and a guest that downloads). anew says that there
// may be an older connection, which is not the one to wait for.
func (h *Helper) unblock(g *guest, anew bool, sockets ...string) {
	if len(sockets) == 0 || g.qemu == nil {
		return
	}
	qemu, err := h.proc.Find(g.qemu.PID, g.qemu.StartTime) // the guest's own may be closed meanwhile
	if err != nil {
		return // it has ended
	}
	vm := g.vm
	go func() {
		defer qemu.Close()
		for _, s := range sockets {
			if err := h.unblockOne(qemu, h.folder.SocketPath(vm, s), anew); err != nil {
				h.say("VM %s: its network may come to a halt under load: %s: %v", vm, s, err)
			}
		}
	}()
}

func (h *Helper) unblockOne(qemu *proc.Handle, path string, anew bool) error {
	until := time.Now().Add(acceptsWithin)
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, lastLook) {
		accepted, changed, err := h.proc.Unblock(qemu, path)
		if changed > 0 || accepted > 0 && !anew {
			return err
		}
		if !qemu.Alive() || time.Now().After(until) {
			return err
		}
		qemu.Gone(wait)
	}
}
