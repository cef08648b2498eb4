package fakeqemu

import "encoding/json"

// blockStream has a node stand on what is named, and not on what is between. Its job is over at once, or never.
func blockStream(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a := read[struct {
		Job    string `json:"job-id"`
		Device string `json:"device"`
		Base   string `json:"base-node"`
	}](args)
	n := q.node(a.Device)
	if n == nil || a.Base != "" && q.node(a.Base) == nil {
		return nil, refuse("Cannot find device='%s' nor node-name='%s'", a.Device, a.Device)
	}
	if n.readOnly {
		return nil, refuse("Block node is read-only")
	}
	return q.blockJob(a.Job, "stream", func() { n.backing = a.Base })
}

// blockCommit has what stands on a node stand on its base.
func blockCommit(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a := read[struct {
		Job  string `json:"job-id"`
		Top  string `json:"top-node"`
		Base string `json:"base-node"`
	}](args)
	top, base := q.node(a.Top), q.node(a.Base)
	switch {
	case top == nil || base == nil:
		return nil, refuse("Cannot find device='%s' nor node-name='%s'", a.Top, a.Top)
	case base.readOnly:
		return nil, refuse("Block node is read-only")
	}
	return q.blockJob(a.Job, "commit", func() {
		for _, n := range q.nodes {
			if n.backing == a.Top {
				n.backing = a.Base
			}
		}
	})
}

func (q *QEMU) blockJob(id, kind string, do func()) (any, error) {
	j := Job{ID: id, Type: kind, Status: "running", Total: 1 << 20, dismisses: true}
	for _, other := range q.o.Jobs {
		if other.ID == id {
			return nil, refuse("Job ID '%s' already in use", id)
		}
	}
	if q.o.Crawls {
		q.o.Jobs = append(q.o.Jobs, j)
	} else {
		do()
		j.Status = "null"
	}
	q.emit("JOB_STATUS_CHANGE", map[string]string{"id": id, "status": j.Status})
	return nothing, nil
}

// blockdevReopen has nodes be open as is said, and stand on what is said.
func blockdevReopen(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	all := read[struct {
		Options []nodeOptions `json:"options"`
	}](args)
	for _, o := range all.Options {
		n := q.node(o.Name)
		if n == nil {
			return nil, refuse("Failed to find node with node-name='%s'", o.Name)
		}
		n.readOnly = o.ReadOnly
		if o.Backing != nil && n.backing != *o.Backing {
			return nil, refuse("Cannot change the backing of '%s' from '%s' to '%s'", o.Name, n.backing, *o.Backing)
		}
	}
	return nothing, nil
}
