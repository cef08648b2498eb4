package fakeqemu

import (
	"encoding/json"
	"strings"
)

// peripherals is where QEMU has the devices that were given an id.
const peripherals = "/machine/peripheral/"

func isCPU(driver string) bool { return strings.HasSuffix(driver, "-x86_64-cpu") }

// placeCPU refuses a vCPU that has no place, or whose place is taken.
func (q *QEMU) placeCPU(d device) error {
	places := max(q.o.CPUs, q.o.CPUsMax, 1)
	if d.Core < 0 || d.Core >= places {
		return refuse("Invalid CPU core-id: %d must be in range 0:%d", d.Core, places-1)
	}
	if q.cpuAt(d.Core) != "" {
		return refuse("CPU[%d] with APIC ID %d exists", d.Core, d.Core)
	}
	return nil
}

// cpuAt is the path of the vCPU that is core n, empty for none. Those from the start are every second unattached
// device, as q35 has them.
func (q *QEMU) cpuAt(n int) string {
	if n < max(q.o.CPUs, 1) {
		return "/machine/unattached/device[" + itoa(2*n) + "]"
	}
	for id, d := range q.devices {
		if isCPU(d.Driver) && d.Core == n {
			return peripherals + id
		}
	}
	return ""
}

// hotpluggableCPUs lists the places for vCPUs, one core each, the highest first.
func hotpluggableCPUs(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	places := []any{}
	for n := max(q.o.CPUs, q.o.CPUsMax, 1) - 1; n >= 0; n-- {
		place := map[string]any{"type": "max-x86_64-cpu", "vcpus-count": 1, "props": map[string]int{"core-id": n, "socket-id": 0, "thread-id": 0}}
		if path := q.cpuAt(n); path != "" {
			place["qom-path"] = path
		}
		places = append(places, place)
	}
	return places, nil
}

// setProperty is qom-set for the one property that this product sets: how much of its memory virtio-mem is to plug in.
func setProperty(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	o := read[struct {
		Path, Property string
		Value          json.RawMessage
	}](args)
	d, ok := q.devices[strings.TrimPrefix(o.Path, peripherals)]
	switch {
	case !ok:
		return nil, noDevice(o.Path)
	case d.Driver != "virtio-mem-pci" || o.Property != "requested-size":
		return nil, refuse("Property '%s.%s' not found", d.Driver, o.Property)
	}
	var size int64
	if json.Unmarshal(o.Value, &size) != nil {
		return nil, refuse("Invalid parameter type for '%s', expected: integer", o.Property)
	}
	if d.Block > 0 && size%d.Block != 0 {
		return nil, refuse("'%s' has to be multiples of '%s' (0x%x)", o.Property, "block-size", d.Block)
	}
	return nothing, nil
}

// doBalloon asks the guest to leave memory to the host; whether it does is not to be seen in the answer.
func doBalloon(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	for _, d := range q.devices {
		if d.Driver == "virtio-balloon-pci" {
			return nothing, nil
		}
	}
	return nil, &refusal{"DeviceNotActive", "No balloon device has been activated"}
}
