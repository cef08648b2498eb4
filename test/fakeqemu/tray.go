package fakeqemu

import "encoding/json"

type trayArguments struct {
	ID    string `json:"id"`
	Node  string `json:"node-name"`
	Force bool   `json:"force"`
}

// tray finds the drive that a command is about.
func (q *QEMU) tray(args json.RawMessage) (trayArguments, device, error) {
	a := read[trayArguments](args)
	d, ok := q.devices[a.ID]
	if !ok || d.Driver != "scsi-cd" {
		return a, d, refuse("Device '%s' is not removable", a.ID)
	}
	return a, d, nil
}

// openTray opens it, unless a guest that listens to nobody has locked it.
func openTray(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a, d, err := q.tray(args)
	if err != nil {
		return nil, err
	}
	if q.o.Guest != Obeys && d.Drive != "" && !a.Force && !q.trays[a.ID] {
		return nil, refuse("Device '%s' is locked and force was not specified, wait for tray to open and try again", a.ID)
	}
	q.moveTray(a.ID, true)
	return nothing, nil
}

func closeTray(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a, _, err := q.tray(args)
	if err == nil {
		q.moveTray(a.ID, false)
	}
	return done(err)
}

func (q *QEMU) moveTray(id string, open bool) {
	if q.trays[id] == open {
		return
	}
	if q.trays == nil {
		q.trays = map[string]bool{}
	}
	q.trays[id] = open
	q.emit("DEVICE_TRAY_MOVED", map[string]any{"device": "", "id": id, "tray-open": open})
}

func removeMedium(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a, d, err := q.tray(args)
	if err != nil {
		return nil, err
	}
	if !q.trays[a.ID] {
		return nil, refuse("Tray of device '%s' is not open", a.ID)
	}
	d.Drive = ""
	q.devices[a.ID] = d
	return nothing, nil
}

func insertMedium(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a, d, err := q.tray(args)
	switch {
	case err != nil:
		return nil, err
	case !q.trays[a.ID]:
		return nil, refuse("Tray of device '%s' is not open", a.ID)
	case d.Drive != "":
		return nil, refuse("There already is a medium in device '%s'", a.ID)
	case q.node(a.Node) == nil:
		return nil, refuse("Node '%s' not found", a.Node)
	}
	d.Drive = a.Node
	q.devices[a.ID] = d
	return nothing, nil
}
