package fakeqemu

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
)

// setFD is one descriptor of an fdset.
type setFD struct {
	file   *os.File
	opaque string
}

type fdArgs struct {
	Name   string `json:"fdname"`
	Set    *int   `json:"fdset-id"`
	FD     *int   `json:"fd"`
	Opaque string `json:"opaque"`
}

func getFD(q *QEMU, m *monitor, args json.RawMessage) (any, error) {
	name := read[fdArgs](args).Name
	f := m.takeFile()
	if f == nil {
		return nil, refuse("No file descriptor supplied via SCM_RIGHTS")
	}
	if name != "" && strings.ContainsAny(name[:1], "0123456789") {
		_ = f.Close()
		return nil, refuse("Parameter 'fdname' expects a name not starting with a digit")
	}
	if old := q.named[name]; old != nil {
		_ = old.Close()
	}
	q.named[name] = f
	return nothing, nil
}

func closeFD(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	name := read[fdArgs](args).Name
	f := q.named[name]
	if f == nil {
		return nil, refuse("File descriptor named '%s' not found", name)
	}
	delete(q.named, name)
	return done(f.Close())
}

func addFD(q *QEMU, m *monitor, args json.RawMessage) (any, error) {
	a := read[fdArgs](args)
	f := m.takeFile()
	if f == nil {
		return nil, refuse("No file descriptor supplied via SCM_RIGHTS")
	}
	if a.Set != nil && *a.Set < 0 {
		_ = f.Close()
		return nil, refuse("Parameter 'fdset-id' expects a non-negative value")
	}
	set := 0
	for a.Set == nil && q.fdsets[set] != nil {
		set++
	}
	if a.Set != nil {
		set = *a.Set
	}
	q.addToSet(set, f, a.Opaque)
	return map[string]int{"fdset-id": set, "fd": int(f.Fd())}, nil
}

func (q *QEMU) addToSet(set int, f *os.File, opaque string) {
	q.fdsets[set] = slices.Insert(q.fdsets[set], 0, setFD{f, opaque})
	q.atEnd(f.Close)
}

// removeFD closes what is removed only while the machine runs (10.0: always).
func removeFD(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a := read[fdArgs](args)
	set, ok := q.fdsets[*a.Set]
	if !ok {
		return nil, refuse("File descriptor named 'fdset-id:%d' not found", *a.Set)
	}
	keep := []setFD{}
	for _, s := range set {
		if a.FD != nil && int(s.file.Fd()) != *a.FD {
			keep = append(keep, s)
		}
	}
	if a.FD != nil && len(keep) == len(set) {
		return nil, refuse("File descriptor named 'fdset-id:%d, fd:%d' not found", *a.Set, *a.FD)
	}
	switch {
	case q.o.Version == "7.2" && q.state != "running":
	case len(keep) == 0:
		delete(q.fdsets, *a.Set)
	default:
		q.fdsets[*a.Set] = keep
	}
	return nothing, nil
}

// describeSets lists the fdsets, highest number first, as QEMU does.
func (q *QEMU) describeSets() any {
	all := []any{}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(q.fdsets))) {
		fds := []any{}
		for _, s := range q.fdsets[id] {
			fd := map[string]any{"fd": int(s.file.Fd())}
			if s.opaque != "" {
				fd["opaque"] = s.opaque
			}
			fds = append(fds, fd)
		}
		all = append(all, map[string]any{"fdset-id": id, "fds": fds})
	}
	return all
}
