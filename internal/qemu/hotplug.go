package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// Plug gives a living VM's QEMU a device, on files of which the lowest comes first, and the secrets of its keys after them. What a cut-off earlier try has left of
// it is used.
func (h *Host) Plug(ctx context.Context, uuid string, d qmp.Hotplug, files ...*os.File) error {
	p, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return err
	}
	p.forgetLeft(d.Device)
	if d.Netdev != "" {
		return p.plugNIC(ctx, m, d)
	}
	disks := max(len(files)-len(d.Keys), 0)
	if err = giveSecrets(ctx, m, d.Keys, files[disks:]); err == nil {
		err = thread(ctx, m, d)
	}
	if err == nil {
		err = stand(ctx, m, d, files[:disks])
	}
	if err == nil {
		err = qmp.DeviceAdd(ctx, m, d.Add)
	}
	if err != nil && !saidOf(err, "Duplicate device ID") {
		return errors.Join(err, p.unstand(ctx, m, d))
	}
	return nil
}

// plugNIC gives QEMU a network card. Whether its back end is there only its device can tell.
func (p *process) plugNIC(ctx context.Context, m qmp.Executor, d qmp.Hotplug) error {
	err := qmp.DeviceAdd(ctx, m, d.Add)
	if saidOf(err, "can't find value") {
		if err = p.netdev(ctx, m, d); err == nil {
			err = qmp.DeviceAdd(ctx, m, d.Add)
		}
	}
	if err != nil && !saidOf(err, "Duplicate device ID") {
		return errors.Join(err, p.unstand(ctx, m, d))
	}
	p.mend(d.Netdev, "its passt is about to begin", 0)
	return nil
}

// stand makes the nodes that a disk stands on. Each that has an fdset takes the next file.
func stand(ctx context.Context, m qmp.Executor, d qmp.Hotplug, files []*os.File) error {
	have, err := nodeNames(ctx, m)
	if err != nil {
		return err
	}
	for i, n := range d.Nodes {
		set := n.FDSet
		if set == 0 && i == 0 {
			set = d.FDSet
		}
		if set != 0 && len(files) == 0 {
			return fault.New(fault.Internal, "node %s has no file", n.Name)
		}
		if !have[n.Name] && set != 0 {
			if err := freshSet(ctx, m, set, n.Name, files[0]); err != nil {
				return err
			}
		}
		if set != 0 {
			files = files[1:]
		}
		if have[n.Name] {
			continue
		}
		if err := qmp.BlockdevAdd(ctx, m, n.Add); err != nil {
			return err
		}
	}
	return nil
}

// netdev makes the back end of a network card, on a listening socket made for it. QEMU opens the socket in a thread
// that knows no monitor, so a name of getfd is nothing there; what it says of that is lost, and the first packet of the
// guest is the end of QEMU 7.2 by SIGSEGV. A number it finds, and add-fd is what tells one. From then on the back end
// has the descriptor and closes it, so it is never taken out of its set: that would close it twice.
func (p *process) netdev(ctx context.Context, m qmp.Executor, d qmp.Hotplug) error {
	if err := holdsFDs(ctx, m); err != nil {
		return err
	}
	socket, err := p.host.Helper.Socket(ctx, privilege.Uplink{VM: p.run.VM, Socket: d.Netdev})
	if err != nil {
		return err
	}
	defer func() { _ = socket.Close() }() // QEMU has its own
	added, err := qmp.AddFD(ctx, m, socket, machine.NICSet, d.Netdev)
	if err != nil {
		return err
	}
	args := strings.ReplaceAll(string(d.NetdevAdd), machine.FDOf(d.Netdev), strconv.Itoa(added.FD))
	return qmp.NetdevAdd(ctx, m, json.RawMessage(args))
}

// holdsFDs makes sure that QEMU keeps the socket of a network card when this daemon ends.
func holdsFDs(ctx context.Context, m qmp.Executor) error {
	chardevs, err := qmp.QueryChardevs(ctx, m)
	if err != nil || slices.ContainsFunc(chardevs, func(c qmp.Chardev) bool { return c.Label == machine.HoldsFDs }) {
		return err
	}
	return fault.New(fault.Unavailable, "this QEMU was started by an earlier build, which cannot give it a network card; the next start does")
}

// freshSet puts a file into the fdset of its number. One that is left there is of a try that was cut off
// before anything was opened by it.
func freshSet(ctx context.Context, m qmp.Executor, set int, opaque string, file *os.File) error {
	if err := gone(qmp.RemoveFD(ctx, m, set, -1)); err != nil {
		return err
	}
	_, err := qmp.AddFD(ctx, m, file, set, opaque)
	return err
}

func nodeNames(ctx context.Context, m qmp.Executor) (map[string]bool, error) {
	nodes, err := qmp.QueryBlockNodes(ctx, m)
	have := map[string]bool{}
	for _, n := range nodes {
		have[n.NodeName] = true
	}
	return have, err
}

// unstand takes away what a device stood on, as far as it is there.
func (p *process) unstand(ctx context.Context, m qmp.Executor, d qmp.Hotplug) error {
	if d.Layers != "" { // a snapshot that was taken meanwhile has them stand on the node that it began with
		if err := dropNodes(ctx, m, func(name string) bool { return strings.HasPrefix(name, d.Layers) }); err != nil {
			return err
		}
	}
	for _, n := range slices.Backward(d.Nodes) {
		if err := gone(qmp.BlockdevDel(ctx, m, n.Name)); err != nil {
			return err
		}
	}
	if len(d.Nodes) > 0 {
		if err := gone(qmp.RemoveFD(ctx, m, d.FDSet, -1)); err != nil {
			return err
		}
	}
	if d.Thread != "" && d.Add == nil { // of one that goes, and it serves no other
		if err := gone(qmp.ObjectDel(ctx, m, d.Thread)); err != nil && !saidOf(err, "not found") {
			return err
		}
	}
	if d.Netdev == "" {
		return nil
	}
	p.unlearn(d.Netdev) // that its passt ends is no accident from here on
	if err := gone(qmp.NetdevDel(ctx, m, d.Netdev)); err != nil {
		return err
	}
	return p.host.Helper.Cut(ctx, privilege.Uplink{VM: p.run.VM, Socket: d.Netdev})
}

// gone lets pass that something is not there any more.
func gone(err error) error {
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// saidOf reports whether QEMU refused with these words.
func saidOf(err error, words string) bool {
	refusal, ok := errors.AsType[*qmp.Error](err)
	return ok && strings.Contains(refusal.Desc, words)
}

// Unplug takes a device from a living VM's QEMU: the guest is asked to let go of it, and when it has, what
// the device stood on goes too.
func (h *Host) Unplug(ctx context.Context, uuid string, d qmp.Hotplug) error {
	p, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return err
	}
	if why, known := p.hasLeft(d.Device); !known || why != "" {
		p.forgetLeft(d.Device)
		// One that was asked for is not taken twice: its guest is at it, or has never heard of it.
		err := qmp.DeviceDel(ctx, m, d.Device)
		switch {
		case errors.Is(err, fault.NotFound):
		case err == nil, saidOf(err, "already in the process of unplug"):
			if err := p.awaitLeft(ctx, d.Device); err != nil {
				return err
			}
		default:
			return err
		}
	}
	if err := p.unstand(ctx, m, d); err != nil {
		return err
	}
	p.forgetLeft(d.Device)
	return nil
}

// SetLink plugs in the cable of a network card, or pulls it.
func (h *Host) SetLink(ctx context.Context, uuid, device string, up bool) error {
	return h.tell(ctx, uuid, func(ctx context.Context, m qmp.Executor) error { return qmp.SetLink(ctx, m, device, up) })
}

// letGoOf takes up QEMU's word that a guest has let go of a device, or that it will not. It comes more than
// once for one device, for what is inside it too; only the one with an id is of the whole.
func (p *process) letGoOf(ev qmp.Event) {
	d, err := qmp.Data[qmp.DeviceEvent](ev)
	if err != nil || d.Device == "" {
		return
	}
	why := ""
	if ev.Name == qmp.EventUnplugError {
		why = "the guest refuses to let go of it"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == nil {
		p.left = map[string]string{}
	}
	p.left[d.Device] = why
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

func (p *process) forgetLeft(device string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.left, device)
}

func (p *process) hasLeft(device string) (why string, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	why, known = p.left[device]
	return why, known
}

// leftBehind are the devices that the guest has let go of, and that are not cleared away yet.
func (p *process) leftBehind() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, device := range slices.Sorted(maps.Keys(p.left)) {
		if p.left[device] == "" {
			out = append(out, device)
		}
	}
	return out
}

// awaitLeft waits until the guest has let go of a device.
func (p *process) awaitLeft(ctx context.Context, device string) error {
	ctx, cancel := context.WithTimeout(ctx, p.host.LetsGoWithin)
	defer cancel()
	for {
		p.mu.Lock()
		why, known := p.left[device]
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		p.mu.Unlock()
		switch {
		case known && why == "":
			return nil
		case known:
			return fault.New(fault.Unavailable, "%s", why)
		}
		select {
		case <-moved:
		case <-p.gone:
			return fault.New(fault.Precondition, "its process is gone")
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "the guest has not let go of it yet")
		}
	}
}
