package helper

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/cgroup"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

const (
	passtProgram = "passt"
	passtFiles   = 16384   // a socket for each connection of the guest
	passtLog     = 1 << 20 // bytes; after them it logs no more
	passtSettles = time.Second
)

// logName is where a passt says what goes wrong; a file's name may have 255 bytes, a socket's name has 100.
func logName(socket string) string { return "passt-" + socket + ".log" }

func (l *link) alive() bool { return l.process != nil && l.Alive() }

// end ends the passt, if it lives.
func (l *link) end() error {
	if l.process == nil {
		return nil
	}
	if err := l.process.end(); err != nil {
		return err
	}
	l.Close()
	l.process = nil
	return nil
}

// unborn is a passt's shim that waits for its order.
type unborn struct {
	socket string
	shim   *launch.Process
	link   *link
}

// bearLinks clones a shim for each uplink, connected to the VM's socket, and puts them into the record,
// which the caller writes. A VM starts without an uplink that could not be made.
func (h *Helper) bearLinks(g *guest, uplinks []privilege.Uplink) []*unborn {
	var out []*unborn
	for _, u := range uplinks {
		l := &link{}
		g.links[u.Socket] = l
		shim, err := h.bearLink(g, u.Socket, l)
		if err != nil {
			l.why = err.Error()
		} else {
			out = append(out, &unborn{u.Socket, shim, l})
		}
	}
	g.recordLinks()
	return out
}

func (h *Helper) bearLink(g *guest, socket string, l *link) (_ *launch.Process, err error) {
	if err := program(passtProgram); err != nil {
		return nil, err
	}
	conn, err := h.folder.ConnectVM(g.vm, socket)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // passt has its own
	log, err := h.folder.Log(g.vm, logName(socket))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the same
	group, err := h.place(g).links.Make(cgroup.Limits{})
	if err != nil {
		return nil, err
	}
	if group != nil {
		defer func() { _ = group.Close() }() // a folder
	}
	shim, err := launch.Start(launch.Birth{Verb: launch.ShimVerb, Files: []*os.File{conn}, Output: log, Cgroup: group})
	if err != nil {
		return nil, err
	}
	l.process, err = h.born(shim)
	return shim, err
}

func (g *guest) recordLinks() {
	g.record.Uplinks = nil
	for socket, l := range g.links {
		u := run.Uplink{Socket: socket, Why: l.why}
		if l.process != nil {
			u.PID, u.Start = l.PID, l.StartTime
		}
		g.record.Uplinks = append(g.record.Uplinks, u)
	}
}

// orderLinks tells each shim to become passt. The options are of passt 2023_03_29 and later: in the
// foreground, so that its pid stays; to stderr, which is the log; on our connection; and without the
// gateway's address standing for the host's own services.
func orderLinks(waiting []*unborn, first uint32) {
	for _, w := range waiting {
		w.shim.Order(launch.Order{
			Program: programs[passtProgram].path,
			Args:    []string{passtProgram, "--foreground", "--stderr", "--fd", fmt.Sprint(launch.FirstFile), "--no-map-gw"},
			UID:     first + uid.Passt,
			Files:   1,
			Limits:  launch.Limits{Files: passtFiles, FileBytes: passtLog},
		})
	}
}

func abandonLinks(waiting []*unborn) {
	for _, w := range waiting {
		w.shim.Abandon()
	}
}

// abandonWaiting is for shims that have their order, and whose VM will not be.
func abandonWaiting(waiting []*unborn) {
	for _, w := range waiting {
		_ = w.shim.Await(launch.Patience) // undo ends them
	}
}

// settle waits until each passt serves or has ended, and writes down which. This runs while QEMU itself
// starts, which takes longer.
func (h *Helper) settle(g *guest, waiting []*unborn) {
	if len(waiting) == 0 {
		return
	}
	until := time.Now().Add(passtSettles)
	var sockets []string
	for _, w := range waiting {
		if err := w.shim.Await(launch.Patience); err != nil {
			w.link.why = err.Error()
		}
		for w.link.Alive() && !h.proc.Sealed(w.link.PID) && time.Now().Before(until) {
			w.link.Gone(time.Millisecond)
		}
		w.link.why = h.whyDown(g, w.socket, w.link)
		if w.link.alive() {
			sockets = append(sockets, w.socket)
		}
	}
	h.unblock(g, true, sockets...)
	g.recordLinks()
	if err := h.folder.Write(g.record); err != nil {
		h.say("VM %s: cannot write its record: %v", g.vm, err)
	}
}

// whyDown says how a passt ended: what it said last, and its exit status.
func (h *Helper) whyDown(g *guest, socket string, l *link) string {
	if l.alive() || l.why != "" {
		return cutWhy(l.why)
	}
	why := "passt has ended"
	if l.process != nil {
		if exit := l.result(); exit != "" {
			why = "passt: " + exit
		}
	}
	if said := lastWords(h.folder.ReadLog(g.vm, logName(socket))); said != "" {
		why += ": " + said
	}
	return cutWhy(why)
}

func cutWhy(why string) string {
	return strings.ToValidUTF8(why[:min(len(why), maxWhyUplink)], "")
}

// lastWords returns the last line of a passt's log that is about the network.
func lastWords(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		line := strings.TrimSpace(lines[i])
		// Without a syslog to send to, passt says so after each line.
		if line != "" && !strings.Contains(line, "to syslog") {
			return strings.ToValidUTF8(line[:min(len(line), 300)], "")
		}
	}
	return ""
}

// uplink starts a passt anew behind one socket of a VM that runs.
func (h *Helper) uplink(u *privilege.Uplink) error {
	g, err := h.guests.running(u.VM)
	if err != nil {
		return err
	}
	defer g.mu.Unlock()
	if _, ok := g.record.Sockets[u.Socket]; !ok {
		return fault.New(fault.NotFound, "VM %s has no socket %q", u.VM, u.Socket)
	}
	if old := g.links[u.Socket]; old != nil {
		if err := old.end(); err != nil {
			return err
		}
	}
	waiting := h.bearLinks(g, []privilege.Uplink{*u})
	if err := h.folder.Write(g.record); err != nil {
		abandonLinks(waiting)
		return err
	}
	orderLinks(waiting, g.record.UID)
	h.settle(g, waiting)
	if l := g.links[u.Socket]; !l.alive() {
		return fault.New(fault.Unavailable, "no uplink for socket %q of VM %s", u.Socket, u.VM).
			Because(errors.New(h.whyDown(g, u.Socket, l))).Try("passt needs a default route on the host: ip route")
	}
	return nil
}
