package helper

import (
	"os"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// maxNICSockets bounds what a hvd gone wrong can have made for one VM.
const maxNICSockets = 64

// nicSocket refuses every other socket of a VM's: that of its monitor is never made anew.
func nicSocket(u *privilege.Uplink) error {
	if strings.HasPrefix(u.Socket, privilege.NICSocket) {
		return nil
	}
	return fault.New(fault.Denied, "socket %q is not a network card's", u.Socket)
}

// socket makes the listening socket of a network card that a VM is given while it runs.
func (h *Helper) socket(u *privilege.Uplink) (*os.File, error) {
	if err := nicSocket(u); err != nil {
		return nil, err
	}
	g, err := h.guests.running(u.VM)
	if err != nil {
		return nil, err
	}
	defer g.mu.Unlock()
	if _, again := g.record.Sockets[u.Socket]; !again && len(g.record.Sockets) >= maxNICSockets {
		return nil, fault.New(fault.Exhausted, "VM %s has %d sockets already", u.VM, len(g.record.Sockets))
	}
	g.record.Sockets[u.Socket] = run.SocketFile(u.Socket)
	if err := h.folder.Write(g.record); err != nil {
		return nil, err
	}
	return h.folder.ListenVM(u.VM, u.Socket)
}

// cut takes away what a network card that is gone has left: its passt and its socket.
func (h *Helper) cut(u *privilege.Uplink) error {
	if err := nicSocket(u); err != nil {
		return err
	}
	g, err := h.guests.running(u.VM)
	if err != nil {
		return err
	}
	defer g.mu.Unlock()
	if old := g.links[u.Socket]; old != nil {
		if err := old.end(); err != nil {
			return err
		}
		delete(g.links, u.Socket)
	}
	if err := h.folder.RemoveSocket(u.VM, u.Socket); err != nil {
		return err
	}
	delete(g.record.Sockets, u.Socket)
	g.recordLinks()
	return h.folder.Write(g.record)
}
