package qemu

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Merge has a living VM's QEMU make one layer of two, and tells how far it is; it is done where that is nil, and then QEMU
// has let go of the layer that goes. What its guest reads is the same at every moment. files are those of m.Written, open
// for both. One that was begun goes on.
//
// The job dismisses itself: QEMU 7.2 ends with a fault when it is asked for its nodes while a stream is concluded and not
// dismissed. So whether it has done what it was for is seen by what it leaves: a node on which nothing stands any more can
// be deleted, and any other cannot.
func (h *Host) Merge(ctx context.Context, uuid string, m machine.Merge, files []*os.File) (*operation.Progress, error) {
	p, err := h.living(uuid)
	if err != nil {
		return nil, err
	}
	on, err := p.monitor(ctx)
	if err != nil {
		return nil, err
	}
	jobs, err := qmp.QueryJobs(ctx, on)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if j.ID == m.Job() {
			return &operation.Progress{Done: j.Progress, Total: j.Total, Unit: "bytes"}, nil
		}
	}
	has, err := nodeNames(ctx, on)
	if err != nil {
		return nil, err
	}
	is := func(name string) bool { return has[name] }
	node, file := m.Node(goes(m), is)
	err = gone(qmp.BlockdevDel(ctx, on, node))
	if err == nil {
		return nil, dropNodes(ctx, on, func(name string) bool { return name == node || name == file })
	}
	if p.begun(m.Job()) {
		return nil, fault.New(fault.Precondition, "QEMU has given up to merge %s", m.Gone(m.Chain).File()).Because(err)
	}
	if err := reopen(ctx, on, m, is, files, false); err != nil {
		return nil, err
	}
	return &operation.Progress{}, begin(ctx, on, m, is)
}

// goes is the place of the layer that there is none of afterwards.
func goes(m machine.Merge) int {
	if m.Down {
		return m.At + 1
	}
	return m.At
}

// begun reports whether this daemon has begun a job before, and forgets it; else it notes that it does.
func (p *process) begun(job string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.merges == nil {
		p.merges = map[string]bool{}
	}
	before := p.merges[job]
	p.merges[job] = !before
	return before
}

func begin(ctx context.Context, on qmp.Executor, m machine.Merge, has func(string) bool) error {
	node := func(at int) string { n, _ := m.Node(at, has); return n }
	if m.Down {
		c := qmp.Commit{Job: m.Job(), Device: node(len(m.Chain) - 1), Top: node(m.At + 1), Base: node(m.At), BackingFile: m.Chain[m.At].File(), AutoDismiss: true}
		return qmp.BlockCommit(ctx, on, c)
	}
	s := qmp.Stream{Job: m.Job(), Device: node(m.At + 1), AutoDismiss: true}
	if m.At > 0 {
		s.Base, s.BackingFile = node(m.At-1), m.Chain[m.At-1].File()
	}
	return qmp.BlockStream(ctx, on, s)
}

// reopen opens the layers of m.Written for both, or for reading only again.
func reopen(ctx context.Context, on qmp.Executor, m machine.Merge, has func(string) bool, files []*os.File, readOnly bool) error {
	for i, at := range m.Written() {
		node, file := m.Node(at, has)
		below := ""
		if from := under(m, at, has); from >= 0 {
			below, _ = m.Node(from, has)
		}
		if err := reopenOne(ctx, on, node, file, m, at, below, files[i], readOnly); err != nil {
			return err
		}
	}
	return nil
}

// under is the place of the layer that a node stands on now: the next below it that QEMU still has.
func under(m machine.Merge, at int, has func(string) bool) int {
	for at--; at >= 0; at-- {
		if node, _ := m.Node(at, has); has(node) {
			return at
		}
	}
	return -1
}

func reopenOne(ctx context.Context, on qmp.Executor, node, file string, m machine.Merge, at int, below string, f *os.File, readOnly bool) error {
	all, err := qmp.QueryBlockNodes(ctx, on)
	if err != nil {
		return err
	}
	set := -1
	for _, n := range all {
		if text, ok := strings.CutPrefix(n.File, machine.FDSetPrefix); ok && n.NodeName == file {
			if n.ReadOnly == readOnly {
				return nil
			}
			set, err = strconv.Atoi(text)
		}
	}
	if err != nil || set < 0 {
		return errors.Join(err, fault.New(fault.Precondition, "QEMU has node %s from nowhere that is known", node))
	}
	before, err := descriptors(ctx, on, set)
	if err != nil {
		return err
	}
	added, err := qmp.AddFD(ctx, on, f, set, node)
	if err != nil {
		return err
	}
	var nodes []qmp.Object
	for _, n := range machine.ReopenNodes(node, file, m.Chain[at], below, readOnly, set, m.IO) {
		nodes = append(nodes, n.Add)
	}
	if err := qmp.BlockdevReopen(ctx, on, nodes); err != nil {
		return errors.Join(err, gone(qmp.RemoveFD(ctx, on, set, added.FD)))
	}
	for _, fd := range before { // with it goes the lock that it has: QEMU would be in its own way
		if err := gone(qmp.RemoveFD(ctx, on, set, fd)); err != nil {
			return err
		}
	}
	return nil
}

// descriptors are those in a set, by QEMU's numbers.
func descriptors(ctx context.Context, on qmp.Executor, set int) ([]int, error) {
	all, err := qmp.QueryFDSets(ctx, on)
	var out []int
	for _, s := range all {
		for _, fd := range s.FDs {
			if s.ID == set {
				out = append(out, fd.FD)
			}
		}
	}
	return out, err
}

// Settle opens for reading only again what was open for more while it was merged, and has what was written be durable; a job
// that goes on is called off. files are those of m.Written, open for reading.
func (h *Host) Settle(ctx context.Context, uuid string, m machine.Merge, files []*os.File) error {
	p, err := h.living(uuid)
	if err != nil {
		return err
	}
	on, err := p.monitor(ctx)
	if err != nil {
		return err
	}
	if err := callOff(ctx, on, m.Job()); err != nil {
		return err
	}
	p.mu.Lock()
	delete(p.merges, m.Job())
	p.mu.Unlock()
	has, err := nodeNames(ctx, on)
	if err != nil {
		return err
	}
	is := func(name string) bool { return has[name] }
	if head := len(m.Chain) - 1; !m.Down && m.At+1 == head {
		return flush(ctx, on, m, head, is)
	}
	return reopen(ctx, on, m, is, files, true)
}

// flush has QEMU write out what it keeps of a layer that the guest writes to, as opening it anew does: as it is open already,
// and with the guest running. Without that the tables of what was merged are in QEMU's memory alone.
func flush(ctx context.Context, on qmp.Executor, m machine.Merge, at int, has func(string) bool) error {
	node, file := m.Node(at, has)
	below := ""
	if from := under(m, at, has); from >= 0 {
		below, _ = m.Node(from, has)
	}
	nodes := machine.ReopenNodes(node, file, m.Chain[at], below, false, 0, m.IO)
	return qmp.BlockdevReopen(ctx, on, []qmp.Object{nodes[1].Add})
}

// callOff ends a job that goes on.
func callOff(ctx context.Context, on qmp.Executor, id string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, abandonWithin, errors.New("QEMU still works on it"))
	defer cancel()
	asked := false
	for {
		jobs, err := qmp.QueryJobs(ctx, on)
		if err != nil || !slices.ContainsFunc(jobs, func(j qmp.Job) bool { return j.ID == id }) {
			return err
		}
		if err := qmp.JobCancel(ctx, on, id); err != nil && !asked && !saidOf(err, "Job not found") {
			return err
		}
		asked = true
		select {
		case <-time.After(20 * time.Millisecond): // its coroutine ends it between two requests
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "QEMU does not give up to merge two layers").Because(context.Cause(ctx))
		}
	}
}
