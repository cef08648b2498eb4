package fakeqemu

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
)

// objectAdd makes an object that is no device: of these this product makes iothreads alone while a machine runs.
func objectAdd(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	o := read[struct{ ID string }](args)
	if q.objects[o.ID] {
		return nil, refuse("attempt to add duplicate property '%s' to object (type 'container')", o.ID)
	}
	q.addObject(o.ID)
	return nothing, nil
}

func (q *QEMU) addObject(id string) {
	if q.objects == nil {
		q.objects = map[string]bool{}
	}
	q.objects[id] = true
}

func objectDel(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	id := read[struct{ ID string }](args).ID
	if !q.objects[id] {
		return nil, refuse("object '%s' not found", id)
	}
	delete(q.objects, id)
	return nothing, nil
}

// argObject takes those of the command line.
func (q *QEMU) argObject(_ *board, value string) error {
	return q.argJSON("object-add", value, func(args json.RawMessage) error {
		q.addObject(read[struct{ ID string }](args).ID)
		return nil
	})
}

// throttle is block_set_io_throttle: of a disk, by its device.
func throttle(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	id := read[struct{ ID string }](args).ID
	if d := q.devices[id]; d.Driver == "virtio-blk-pci" {
		return nil, refuse("Device does not have a block device backend")
	}
	disk, _ := strings.CutSuffix(strings.TrimPrefix(id, peripherals), "/virtio-backend")
	if d := q.devices[disk]; d.Drive == "" {
		return nil, noDevice(id)
	}
	return nothing, nil
}

// ioThreads lists the iothreads: like the vCPUs they are all one thread, the process.
func ioThreads(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	all := []any{}
	for _, id := range slices.Sorted(maps.Keys(q.objects)) {
		if strings.HasPrefix(id, "io-") {
			all = append(all, map[string]any{"id": id, "thread-id": os.Getpid(), "poll-max-ns": 32768, "poll-grow": 0, "poll-shrink": 0, "aio-max-batch": 0})
		}
	}
	return all, nil
}
