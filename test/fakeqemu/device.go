package fakeqemu

import (
	"encoding/json"
	"net"
	"strconv"
	"strings"
)

func itoa(i int) string { return strconv.Itoa(i) }

func (q *QEMU) deviceAdd(args json.RawMessage) error {
	d := read[device](args)
	if !q.knows(d.Driver) {
		return refuse("'%s' is not a valid device model name", d.Driver)
	}
	// A bus is called as the device that has it, and numbered where that may have several: "rp1", "scsi.0".
	if _, ok := q.devices[strings.TrimSuffix(d.Bus, ".0")]; d.Bus != "" && d.Bus != "pcie.0" && d.Bus != "pci.0" && !ok {
		return refuse("Bus '%s' not found", d.Bus)
	}
	if _, ok := q.devices[d.ID]; ok && d.ID != "" {
		return refuse("Duplicate device ID '%s'", d.ID)
	}
	if d.Drive != "" && q.node(d.Drive) == nil {
		return refuse("Property 'virtio-blk-device.drive' can't find value '%s'", d.Drive)
	}
	if d.Thread != "" && !q.objects[d.Thread] {
		return refuse("Device '%s' not found", d.Thread)
	}
	if d.Netdev != "" && !q.netdevs[d.Netdev] {
		return refuse("Property '%s.netdev' can't find value '%s'", d.Driver, d.Netdev)
	}
	if isCPU(d.Driver) {
		if err := q.placeCPU(d); err != nil {
			return err
		}
	}
	if d.ID == "" {
		d.ID = "#" + itoa(len(q.devices)) // not to be referred to
	}
	q.devices[d.ID] = d
	return nil
}

// deviceDel asks the guest, which lets go if it is one that obeys.
func deviceDel(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	id := read[struct{ ID string }](args).ID
	if _, ok := q.devices[id]; !ok {
		return nil, noDevice(id)
	}
	if q.o.Guest == Obeys && q.booted && q.state == "running" {
		q.after = append(q.after, func() {
			delete(q.devices, id)
			q.emit("DEVICE_DELETED", map[string]string{"path": "/machine/peripheral/" + id + "/virtio-backend"})
			q.emit("DEVICE_DELETED", map[string]string{"device": id, "path": "/machine/peripheral/" + id})
		})
	}
	return nothing, nil
}

func (q *QEMU) netdevAdd(args json.RawMessage) error {
	id := read[struct{ ID string }](args).ID
	if q.netdevs[id] {
		return refuse("Duplicate ID '%s'", id)
	}
	q.netdevs[id] = true
	return nil
}

// plugNetdev is netdev_add. A stream back end finds its socket only by number, and QEMU does not say whether it did.
func (q *QEMU) plugNetdev(args json.RawMessage) error {
	if err := q.netdevAdd(args); err != nil {
		return err
	}
	o := read[struct {
		ID   string
		Addr struct{ Type, Str string }
	}](args)
	for _, set := range q.fdsets {
		for _, s := range set {
			if o.Addr.Type != "fd" || o.Addr.Str != itoa(int(s.file.Fd())) {
				continue
			}
			if l, err := net.FileListener(s.file); err == nil {
				q.after = append(q.after, func() {
					q.atEnd(l.Close)
					go q.accept(o.ID, l)
				})
			}
		}
	}
	return nil
}

func netdevDel(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	id := read[struct{ ID string }](args).ID
	if !q.netdevs[id] {
		return nil, noDevice(id)
	}
	delete(q.netdevs, id)
	return nothing, nil
}

func setLink(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	name := read[struct{ Name string }](args).Name
	if _, ok := q.devices[name]; !ok && !q.netdevs[name] {
		return nil, noDevice(name)
	}
	return nothing, nil
}
