package fakeqemu

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// node is a node of the block graph.
type node struct {
	name, driver, filename string
	readOnly               bool
	size                   int64
	below                  string // the node it stands on
	backing                string // the one from which it reads what it has not
}

type nodeOptions struct {
	Driver   string          `json:"driver"`
	Name     string          `json:"node-name"`
	File     json.RawMessage `json:"file"` // a name, or options
	Filename string          `json:"filename"`
	ReadOnly bool            `json:"read-only"`
	Size     *int64          `json:"size"`
	Backing  *string         `json:"backing"`
}

func (q *QEMU) node(name string) *node {
	i := slices.IndexFunc(q.nodes, func(n *node) bool { return n.name == name })
	if i < 0 {
		return nil
	}
	return q.nodes[i]
}

func (q *QEMU) blockdevAdd(args json.RawMessage) error {
	o := read[nodeOptions](args)
	if q.node(o.Name) != nil {
		return refuse("Duplicate nodes with node-name='%s'", o.Name)
	}
	n := &node{name: o.Name, driver: o.Driver, readOnly: o.ReadOnly, size: 1 << 30}
	if o.Size != nil {
		n.size = *o.Size
	}
	n.filename = fmt.Sprintf(`json:{"driver": %q, "size": %d}`, n.driver, n.size)
	var err error
	switch {
	case o.Filename != "":
		n.filename = o.Filename
		n.size, err = q.open(o.Filename)
	case o.File != nil:
		err = q.stand(n, o.File)
	}
	if err != nil {
		return err
	}
	if o.Backing != nil {
		if n.backing = *o.Backing; q.node(n.backing) == nil {
			return refuse("Cannot find device='%s' nor node-name='%s'", n.backing, n.backing)
		}
	}
	q.nodes = slices.Insert(q.nodes, 0, n)
	return nil
}

// transaction does blockdev-snapshot, for all nodes or for none.
func transaction(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	all := read[struct {
		Actions []struct {
			Type string                         `json:"type"`
			Data struct{ Node, Overlay string } `json:"data"`
		} `json:"actions"`
	}](args)
	for _, a := range all.Actions {
		over := q.node(a.Data.Overlay)
		switch {
		case a.Type != "blockdev-snapshot":
			return nil, refuse("the fake does no %s", a.Type)
		case q.node(a.Data.Node) == nil:
			return nil, refuse("Cannot find device='%s' nor node-name='%s'", a.Data.Node, a.Data.Node)
		case over == nil:
			return nil, refuse("Cannot find device='%s' nor node-name='%s'", a.Data.Overlay, a.Data.Overlay)
		case over.backing != "":
			return nil, refuse("The overlay already has a backing image")
		}
	}
	for _, a := range all.Actions {
		q.node(a.Data.Overlay).backing = a.Data.Node
		for id, d := range q.devices {
			if d.Drive == a.Data.Node {
				d.Drive = a.Data.Overlay
				q.devices[id] = d
			}
		}
	}
	return nothing, nil
}

// stand puts n on the node that file names, or describes.
func (q *QEMU) stand(n *node, file json.RawMessage) error {
	if json.Unmarshal(file, &n.below) != nil {
		if read[nodeOptions](file).Name == "" {
			file = json.RawMessage(fmt.Sprintf(`{"node-name":"#block%d",`, len(q.nodes)) + strings.TrimPrefix(strings.TrimSpace(string(file)), "{"))
		}
		if err := q.blockdevAdd(file); err != nil {
			return err
		}
		n.below = read[nodeOptions](file).Name
	}
	below := q.node(n.below)
	if below == nil {
		return refuse("Cannot find device='%s' nor node-name='%s'", n.below, n.below)
	}
	n.filename, n.size = below.filename, below.size
	return nil
}

// open finds out the size of a file by its path, or by its fdset.
func (q *QEMU) open(path string) (int64, error) {
	info, err := os.Stat(path)
	if set, ok := strings.CutPrefix(path, "/dev/fdset/"); ok {
		number, _ := strconv.Atoi(set) // what is no number is no set of ours
		fds := q.fdsets[number]
		if len(fds) == 0 {
			return 0, q.noSet(path)
		}
		info, err = fds[0].file.Stat()
	}
	if err != nil {
		return 0, refuse("Could not open '%s': No such file or directory", path)
	}
	return info.Size(), nil
}

func (q *QEMU) noSet(path string) error {
	if q.o.Version == "7.2" {
		return refuse("Could not dup FD for %s flags 2: No such file or directory", path)
	}
	return refuse("Failed to find fdset %s", path)
}

func blockdevDel(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	name := read[nodeOptions](args).Name
	n := q.node(name)
	if n == nil {
		return nil, refuse("Failed to find node with node-name='%s'", name)
	}
	used := slices.ContainsFunc(q.nodes, func(above *node) bool { return above.below == name || above.backing == name })
	for _, d := range q.devices {
		used = used || d.Drive == name
	}
	if used {
		return nil, refuse("Node %s is in use", name)
	}
	q.nodes = slices.DeleteFunc(q.nodes, func(o *node) bool { return o == n })
	return nothing, nil
}

// blockResize makes a node and the file below it larger.
func blockResize(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a := read[struct {
		Node string `json:"node-name"`
		Size int64  `json:"size"`
	}](args)
	n := q.node(a.Node)
	switch {
	case n == nil:
		return nil, refuse("Cannot find device='' nor node-name='%s'", a.Node)
	case n.readOnly:
		return nil, refuse("Block node is read-only")
	}
	for ; n != nil; n = q.node(n.below) {
		n.size = a.Size
		set, ok := strings.CutPrefix(n.filename, "/dev/fdset/")
		number, _ := strconv.Atoi(set) // what is no number is no set of ours
		if fds := q.fdsets[number]; ok && n.below == "" && len(fds) > 0 {
			if err := fds[0].file.Truncate(a.Size); err != nil {
				return nil, refuse("Could not resize file: %v", err)
			}
		}
	}
	return nothing, nil
}

// describeBlock lists what the guest has as disks and drives.
func (q *QEMU) describeBlock() any {
	nodes := map[string]any{}
	for i, d := range q.describeNodes() {
		nodes[q.nodes[i].name] = d
	}
	all := []any{}
	for _, id := range slices.Sorted(maps.Keys(q.devices)) {
		d := q.devices[id]
		if node, ok := nodes[d.Drive]; ok {
			all = append(all, map[string]any{
				"device": "", "type": "unknown", "removable": false, "locked": false, "inserted": node,
				"qdev": "/machine/peripheral/" + d.ID + "/virtio-backend", "io-status": "ok",
			})
		}
	}
	return all
}

// describeNodes is what a node of a flat query-named-block-nodes looks like.
func (q *QEMU) describeNodes() []any {
	all := []any{}
	for _, n := range q.nodes {
		image := map[string]any{"filename": n.filename, "format": n.driver, "virtual-size": n.size, "actual-size": 0}
		if n.below != "" || strings.HasPrefix(n.filename, "/") {
			image["dirty-flag"] = false
		}
		d := map[string]any{
			"node-name": n.name, "drv": n.driver, "file": n.filename, "ro": n.readOnly, "image": image,
			"backing_file_depth": 0, "detect_zeroes": "off", "encrypted": false, "write_threshold": 0,
			"bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0,
			"cache": map[string]bool{"direct": false, "no-flush": false, "writeback": true},
		}
		if q.o.Version != "7.2" {
			d["active"] = true
			if n.driver == "file" {
				image["format-specific"] = map[string]any{"type": "file", "data": nothing}
			}
		}
		all = append(all, d)
	}
	return all
}

// blockStats is what a guest did with its disks: a page more of each whenever it is asked for.
func blockStats(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	q.looks++
	all := []any{}
	for _, d := range q.devices {
		if d.Drive != "" {
			all = append(all, map[string]any{"qdev": "/machine/peripheral/" + d.ID + "/virtio-backend", "node-name": d.Drive, "stats": map[string]int{
				"rd_bytes": 4096 * q.looks, "wr_bytes": 512 * q.looks, "rd_operations": 2 * q.looks, "wr_operations": q.looks,
			}})
		}
	}
	return all, nil
}
