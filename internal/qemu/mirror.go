package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// settleWithin is how long QEMU may take to bring a job to its end that has copied all: it flushes what it wrote.
const settleWithin = 60 * time.Second

// mirrorJob is the id of a mirror's job; it is the name of the node that it copies to.
func mirrorJob(d qmp.Mirror) string { return machine.LayerNode(d.Slot, d.Layer) }

// Mirror has a living VM's QEMU copy a disk to a layer, and have every write of the guest go to both. It returns when the
// two are alike; QEMU keeps them so from then on. One that was begun by an earlier daemon is gone on with. open opens the
// layer's file, for reading and writing.
func (h *Host) Mirror(ctx context.Context, uuid string, d qmp.Mirror, open func() (*os.File, error), tell func(percent float64)) error {
	p, err := h.living(uuid)
	if err != nil {
		return err
	}
	m, err := p.monitor(ctx)
	if err != nil {
		return p.orGone(ctx, err)
	}
	id := mirrorJob(d)
	have, err := job(ctx, m, id)
	if err != nil {
		return p.orGone(ctx, err)
	}
	if have.Status == qmp.JobConcluded { // an earlier daemon was cut off before it took it away
		if err := gone(qmp.JobDismiss(ctx, m, id)); err != nil {
			return p.orGone(ctx, err)
		}
		have.Status = ""
	}
	if have.Status == "" {
		if err := beginMirror(ctx, m, d, open); err != nil {
			return p.orGone(ctx, err)
		}
	}
	end, err := p.awaitJob(ctx, id, tell, qmp.JobReady, qmp.JobPending)
	if err == nil && end.Status != qmp.JobReady && end.Status != qmp.JobPending {
		err = notCopied(end)
	}
	return err
}

func notCopied(j qmp.Job) error {
	if j.Error == "" {
		return fault.New(fault.Unavailable, "QEMU has given up the copy")
	}
	return fault.New(fault.Unavailable, "QEMU has given up the copy: %s", j.Error)
}

func beginMirror(ctx context.Context, m qmp.Executor, d qmp.Mirror, open func() (*os.File, error)) (err error) {
	node := mirrorJob(d)
	heads, err := headNodes(ctx, m)
	if err != nil {
		return err
	}
	head, ok := heads[d.Device]
	switch {
	case !ok:
		return fault.New(fault.Conflict, "QEMU has no disk %s", d.Device)
	case head == node: // it has been put in its place
		return nil
	}
	mine := func(name string) bool { return strings.HasPrefix(name, node) }
	if err := dropNodes(ctx, m, mine); err != nil {
		return err
	}
	file, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	added, err := qmp.AddFD(ctx, m, file, -1, node)
	if err != nil {
		return err
	}
	for _, n := range machine.FreshNodes(d.Slot, d.Layer, storage.Layer{Format: storage.Format(d.Format)}, added.Set, d.Block, d.IO) {
		if err == nil {
			err = qmp.BlockdevAdd(ctx, m, n.Add)
		}
	}
	if err == nil {
		err = qmp.BlockdevMirror(ctx, m, node, head, node, d.Limit)
	}
	if err != nil {
		err = errors.Join(err, dropNodes(context.WithoutCancel(ctx), m, mine))
	}
	return err
}

// HoldMirror has a mirror come to its end: when it returns the guest's writes wait, and the copy is flushed and the same as
// the original. It is to take its place then, or only to be left; SettleMirror does it and lets the guest's writes go on.
func (h *Host) HoldMirror(ctx context.Context, uuid string, d qmp.Mirror, takesPlace bool) error {
	p, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return err
	}
	id := mirrorJob(d)
	have, err := job(ctx, m, id)
	if err != nil || have.Status == qmp.JobPending {
		return err
	}
	end := qmp.BlockJobLeave
	if takesPlace {
		end = qmp.JobComplete
	}
	if err := end(ctx, m, id); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	have, err = p.awaitJob(ctx, id, nil, qmp.JobPending)
	if err == nil && have.Status != qmp.JobPending {
		err = notCopied(have)
	}
	return err
}

// SettleMirror does what a mirror waits to do, and takes away of the two what the guest does not write to. One that has
// ended is no error; one that ended otherwise than it was to is a qmp.ErrJobFailed: the guest writes to the original.
func (h *Host) SettleMirror(ctx context.Context, uuid string, d qmp.Mirror) error {
	ended, err := h.endMirror(ctx, uuid, d, qmp.JobFinalize)
	if err != nil || ended.Error == "" {
		return err
	}
	return fmt.Errorf("%w: %s", qmp.ErrJobFailed, ended.Error)
}

// EndMirror gives a mirror up: the guest writes to the original. What was copied is its caller's.
func (h *Host) EndMirror(ctx context.Context, uuid string, d qmp.Mirror) error {
	_, err := h.endMirror(ctx, uuid, d, qmp.JobCancel) // which ends with an error of its own: that it was cancelled
	return err
}

// endMirror ends a mirror's job, if it has not ended, and returns how it has.
func (h *Host) endMirror(ctx context.Context, uuid string, d qmp.Mirror, end func(context.Context, qmp.Executor, string) error) (qmp.Job, error) {
	p, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return qmp.Job{}, err
	}
	id := mirrorJob(d)
	have, err := job(ctx, m, id)
	if err != nil {
		return have, err
	}
	if have.Status != "" && have.Status != qmp.JobConcluded {
		if err := end(ctx, m, id); err != nil {
			return have, err
		}
		short, cancel := context.WithTimeout(ctx, settleWithin)
		defer cancel()
		if have, err = p.awaitJob(short, id, nil); err != nil {
			return have, err
		}
	}
	if have.Status == qmp.JobConcluded {
		if err := gone(qmp.JobDismiss(ctx, m, id)); err != nil {
			return have, err
		}
	}
	return have, dropOther(ctx, m, d)
}

// dropOther takes away what a mirror has left that the guest does not write to: the copy, or all that it was made of.
func dropOther(ctx context.Context, m qmp.Executor, d qmp.Mirror) error {
	heads, err := headNodes(ctx, m)
	if err != nil {
		return err
	}
	node := mirrorJob(d)
	if heads[d.Device] != node {
		return dropNodes(ctx, m, func(name string) bool { return strings.HasPrefix(name, node) })
	}
	one := machine.DiskNode(strings.TrimPrefix(d.Device, machine.DiskDevice("")))
	return dropNodes(ctx, m, func(name string) bool {
		return name == one || name == one+machine.FileSuffix || name == d.Device ||
			strings.HasPrefix(name, machine.LayerNodes(d.Slot)) && !strings.HasPrefix(name, node)
	})
}

// Mirrored says of a mirror to which layer the guest writes, as the beginning of its ID without dashes, and whether its job
// is there and has not failed.
func (h *Host) Mirrored(ctx context.Context, uuid string, d qmp.Mirror) (on string, goesOn bool, err error) {
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return "", false, err
	}
	heads, err := headNodes(ctx, m)
	if err != nil {
		return "", false, err
	}
	if heads[d.Device] == "" {
		return "", false, fault.New(fault.Conflict, "QEMU has no disk %s", d.Device)
	}
	have, err := job(ctx, m, mirrorJob(d))
	return machine.LayerOf(heads[d.Device]), have.Status != "" && have.Status != qmp.JobConcluded, err
}
