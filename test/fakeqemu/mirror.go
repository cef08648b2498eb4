package fakeqemu

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mirror is what a job of that type copies.
type mirror struct {
	from, to   string // nodes
	takesPlace bool
}

// jobIs has a job come into a state, and says so.
func (q *QEMU) jobIs(id, state string) {
	if i := slices.IndexFunc(q.o.Jobs, func(j Job) bool { return j.ID == id }); i >= 0 {
		q.o.Jobs[i].Status = state
		q.emit("JOB_STATUS_CHANGE", map[string]string{"id": id, "status": state})
	}
}

// blockdevMirror begins a copy; the fake has copied all of it when it has answered, unless it is to come to no end.
func blockdevMirror(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a := read[struct {
		ID     string `json:"job-id"`
		Device string `json:"device"`
		Target string `json:"target"`
	}](args)
	for _, name := range []string{a.Device, a.Target} {
		if q.node(name) == nil {
			return nil, refuse("Cannot find device='%s' nor node-name='%s'", name, name)
		}
	}
	q.o.Jobs = append(q.o.Jobs, Job{ID: a.ID, Type: "mirror", Progress: 0, Total: 100, mirror: &mirror{from: a.Device, to: a.Target}})
	q.jobIs(a.ID, "created")
	q.jobIs(a.ID, "running")
	if q.o.Copies {
		return nothing, nil
	}
	q.after = append(q.after, func() {
		i, err := q.job(mustJSON(map[string]string{"id": a.ID}))
		if err != nil || q.o.Jobs[i].Status != "running" {
			return
		}
		q.o.Jobs[i].Progress = 100
		q.jobIs(a.ID, "ready")
	})
	return nothing, nil
}

// fileOf is the file below a node.
func (q *QEMU) fileOf(name string) *os.File {
	for n := q.node(name); n != nil; n = q.node(n.below) {
		set, ok := strings.CutPrefix(n.filename, "/dev/fdset/")
		number, _ := strconv.Atoi(set) // what is no number is no set of ours
		if fds := q.fdsets[number]; ok && len(fds) > 0 {
			return fds[len(fds)-1].file
		}
	}
	return nil
}

// alike copies the file below one node to that below another, byte by byte: the fake knows no formats.
func (q *QEMU) alike(m *mirror) error {
	from, to := q.fileOf(m.from), q.fileOf(m.to)
	if from == nil || to == nil {
		return nil
	}
	info, err := from.Stat()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(to, 0), io.NewSectionReader(from, 0, info.Size()))
	return err
}

// pending has a mirror that is ready wait for the word that ends it.
func (q *QEMU) pending(args json.RawMessage, takesPlace bool) (any, error) {
	i, err := q.job(args)
	if err != nil {
		return nil, err
	}
	j := &q.o.Jobs[i]
	if j.mirror == nil || j.Status != "ready" {
		return nil, refuse("Job '%s' in state '%s' cannot accept command verb 'complete'", j.ID, j.Status)
	}
	if err := q.alike(j.mirror); err != nil {
		return nil, refuse("%v", err)
	}
	j.mirror.takesPlace = takesPlace
	id := j.ID
	q.after = append(q.after, func() {
		q.jobIs(id, "waiting")
		q.jobIs(id, "pending")
	})
	return nothing, nil
}

func jobComplete(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	return q.pending(args, true)
}

// leaveMirror is block-job-cancel without force.
func leaveMirror(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	return q.pending(mustJSON(map[string]string{"id": read[struct{ Device string }](args).Device}), false)
}

func jobFinalize(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	i, err := q.job(args)
	if err != nil {
		return nil, err
	}
	j := q.o.Jobs[i]
	if j.Status != "pending" {
		return nil, refuse("Job '%s' in state '%s' cannot accept command verb 'finalize'", j.ID, j.Status)
	}
	switch {
	case j.mirror == nil || !j.mirror.takesPlace:
	case q.o.Stays:
		q.o.Jobs[i].Error = "Operation not permitted"
	default:
		for id, d := range q.devices {
			if d.Drive == j.mirror.from {
				d.Drive = j.mirror.to
				q.devices[id] = d
			}
		}
	}
	q.jobIs(j.ID, "concluded")
	return nothing, nil
}
