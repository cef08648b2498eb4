package fakeqemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"strings"
	"syscall"
)

// migration is a guest on its way out of this fake, or into it.
type migration struct {
	status    string // as query-migrate says it; empty before the first
	why       string
	events    bool  // the capability
	bandwidth int64 // bytes a second
	file      *os.File
	waits     bool // for a guest that is to come in, and none has begun to
	autostart bool // it runs once it is in
}

// guestStream is what a guest is written as. Into another machine it does not go.
type guestStream struct {
	Memory  string
	Devices map[string]device
	Booted  bool
	Reset   bool
}

// crawls is a bandwidth at which a fake never comes to an end.
const crawls = 1 << 20

func (q *QEMU) guestNow() guestStream {
	devices := maps.Clone(q.devices)
	for id, d := range devices { // what a disk stands on is none of the guest's
		d.Drive = ""
		devices[id] = d
	}
	return guestStream{Memory: q.o.Memory, Devices: devices, Booted: q.booted, Reset: q.wasReset}
}

func (q *QEMU) migrating(status string) {
	q.move.status = status
	if q.move.events {
		q.emit("MIGRATION", map[string]string{"status": status})
	}
}

func (q *QEMU) pass(n int) {
	if q.move.events {
		q.emit("MIGRATION_PASS", map[string]int{"pass": n})
	}
}

func setCapabilities(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	for _, c := range read[struct {
		Capabilities []struct {
			Capability string
			State      bool
		}
	}](args).Capabilities {
		if c.Capability == "events" {
			q.move.events = c.State
		}
	}
	return nothing, nil
}

func setParameters(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	if n := read[struct {
		Bandwidth int64 `json:"max-bandwidth"`
	}](args).Bandwidth; n != 0 {
		q.move.bandwidth = n
	}
	return nothing, nil
}

func queryMigrate(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	out := map[string]any{}
	if q.move.status != "" {
		out["status"] = q.move.status
	}
	if q.move.why != "" {
		out["error-desc"] = q.move.why
	}
	if len(q.o.Blocked) > 0 {
		out["blocked-reasons"] = q.o.Blocked
	}
	if q.move.status == "active" && q.state != "inmigrate" {
		ram := map[string]any{
			"total": 16 << 20, "remaining": 12 << 20, "transferred": 4 << 20, "duplicate": 0, "normal": 1024, "normal-bytes": 4 << 20,
			"dirty-pages-rate": 0, "mbps": 8.4, "dirty-sync-count": 1, "postcopy-requests": 0, "page-size": 4096, "multifd-bytes": 0,
			"pages-per-second": 256, "precopy-bytes": 4 << 20, "downtime-bytes": 0, "postcopy-bytes": 0, "dirty-sync-missed-zero-copy": 0,
		}
		if q.o.Version == "7.2" {
			ram["skipped"] = 0
		}
		out["ram"] = ram
	}
	return out, nil
}

// handed takes the file that a URI names.
func (q *QEMU) handed(uri string) (*os.File, error) {
	name := strings.TrimPrefix(uri, "fd:")
	f := q.named[name]
	if f == nil {
		return nil, refuse("File descriptor named '%s' has not been found", name)
	}
	delete(q.named, name)
	return f, nil
}

func doMigrate(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	switch {
	case q.move.status == "active":
		return nil, refuse("There's a migration process in progress")
	case q.state == "inmigrate":
		return nil, refuse("Guest is waiting for an incoming migration")
	case q.state == "postmigrate":
		return nil, refuse("Can't migrate the vm that was paused due to previous migration")
	case len(q.o.Blocked) > 0:
		return nil, refuse("%s", q.o.Blocked[0])
	}
	q.move.why = ""
	q.migrating("setup")
	f, err := q.handed(read[struct{ URI string }](args).URI)
	if err != nil {
		q.move.why = err.Error()
		q.migrating("failed")
		return nil, err
	}
	q.move.file = f
	q.after = append(q.after, q.sendAway)
	return nothing, nil
}

// sendAway writes the guest to its file, all at once unless it may not.
func (q *QEMU) sendAway() {
	_, err := q.move.file.Write(mustJSON(q.guestNow()))
	q.pass(1)
	q.migrating("active")
	if err != nil {
		q.move.why = "Unable to write to file: " + reason(err)
		fmt.Fprintln(os.Stderr, programName+": "+q.move.why)
		q.endMove("failed")
		return
	}
	if q.move.bandwidth > 0 && q.move.bandwidth < crawls || q.o.Crawls {
		return
	}
	q.pass(2)
	q.state = "postmigrate"
	q.endMove("completed")
}

// reason is an error of the system in the words of C.
func reason(err error) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "No space left on device"
	}
	return err.Error()
}

func (q *QEMU) endMove(status string) {
	q.migrating(status)
	if q.move.file != nil {
		_ = q.move.file.Close()
		q.move.file = nil
	}
}

func cancelMigrate(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	if q.move.status == "active" && q.state != "inmigrate" {
		q.migrating("cancelling")
		q.after = append(q.after, func() { q.endMove("cancelled") })
	}
	return nothing, nil
}

func doMigrateIncoming(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	if q.state != "inmigrate" {
		return nil, refuse("'-incoming' was not specified on the command line")
	}
	if !q.move.waits {
		return nil, refuse("The incoming migration has already been started")
	}
	q.migrating("setup")
	f, err := q.handed(read[struct{ URI string }](args).URI)
	if err != nil {
		return nil, err
	}
	q.move.waits, q.move.file = false, f
	q.after = append(q.after, q.comeIn)
	return nothing, nil
}

// comeIn reads the guest. One that does not fit is the end of the process, as it is of QEMU's.
func (q *QEMU) comeIn() {
	q.migrating("active")
	if q.o.Crawls {
		return
	}
	var got guestStream
	raw, err := io.ReadAll(q.move.file)
	if err == nil {
		err = json.Unmarshal(raw, &got)
	}
	if here := q.guestNow(); err != nil || got.Memory != here.Memory || !reflect.DeepEqual(got.Devices, here.Devices) {
		fmt.Fprintln(os.Stderr, programName+": load of migration failed: Invalid argument")
		q.exit(1)
		return
	}
	q.booted, q.wasReset = got.Booted, got.Reset
	q.state = "paused"
	q.endMove("completed")
	if q.move.autostart {
		q.cont()
	}
}
