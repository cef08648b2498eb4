package fakeqemu

import (
	"encoding/json"
	"os"
	"slices"
)

// handler does a command, whose arguments fit the schema, under the big lock.
type handler func(*QEMU, *monitor, json.RawMessage) (any, error)

var handlers map[string]handler

func init() { // not a literal: the handlers refer to the table by way of the monitor
	handlers = map[string]handler{
		"query-status": func(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) { return q.status(), nil },
		"query-uuid": func(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
			return map[string]string{"UUID": q.o.UUID}, nil
		},
		"query-name":              queryName,
		"query-cpus-fast":         queryCPUs,
		"query-chardev":           queryChardev,
		"query-jobs":              func(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) { return orEmpty(q.o.Jobs), nil },
		"query-block-jobs":        func(*QEMU, *monitor, json.RawMessage) (any, error) { return []any{}, nil },
		"query-yank":              func(*QEMU, *monitor, json.RawMessage) (any, error) { return []any{}, nil },
		"job-dismiss":             jobDismiss,
		"job-cancel":              jobCancel,
		"blockdev-mirror":         blockdevMirror,
		"job-complete":            jobComplete,
		"block-job-cancel":        leaveMirror,
		"job-finalize":            jobFinalize,
		"cont":                    doCont,
		"stop":                    does((*QEMU).stop),
		"system_powerdown":        does((*QEMU).powerdown),
		"system_reset":            does(func(q *QEMU) { q.reset(false, "host-qmp-system-reset") }),
		"set-action":              setAction,
		"quit":                    does(func(q *QEMU) { q.quit("host-qmp-quit") }),
		"query-named-block-nodes": func(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) { return q.describeNodes(), nil },
		"query-blockstats":        blockStats,
		"query-block":             func(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) { return q.describeBlock(), nil },
		"block_resize":            blockResize,
		"blockdev-add":            func(q *QEMU, _ *monitor, args json.RawMessage) (any, error) { return done(q.blockdevAdd(args)) },
		"blockdev-del":            blockdevDel,
		"transaction":             transaction,
		"block-stream":            blockStream,
		"block-commit":            blockCommit,
		"blockdev-reopen":         blockdevReopen,
		"device_add":              func(q *QEMU, _ *monitor, args json.RawMessage) (any, error) { return done(q.deviceAdd(args)) },
		"device_del":              deviceDel,
		"netdev_add":              func(q *QEMU, _ *monitor, args json.RawMessage) (any, error) { return done(q.plugNetdev(args)) },
		"netdev_del":              netdevDel,
		"set_link":                setLink,
		"qom-set":                 setProperty,
		"object-add":              objectAdd,
		"object-del":              objectDel,
		"query-iothreads":         ioThreads,
		"block_set_io_throttle":   throttle,
		"balloon":                 doBalloon,
		"query-hotpluggable-cpus": hotpluggableCPUs,
		"add_client":              addClient,
		"screendump":              screendump,
		"blockdev-open-tray":      openTray,
		"blockdev-close-tray":     closeTray,
		"blockdev-remove-medium":  removeMedium,
		"blockdev-insert-medium":  insertMedium,
		"migrate":                 doMigrate, "migrate-incoming": doMigrateIncoming, "migrate_cancel": cancelMigrate, "query-migrate": queryMigrate,
		"migrate-set-capabilities": setCapabilities, "migrate-set-parameters": setParameters,
		"getfd":        getFD,
		"closefd":      closeFD,
		"add-fd":       addFD,
		"remove-fd":    removeFD,
		"query-fdsets": func(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) { return q.describeSets(), nil },
	}
}

// nothing is what most commands return.
var nothing = struct{}{}

func done(err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return nothing, nil
}

func does(f func(*QEMU)) handler {
	return func(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
		f(q)
		return nothing, nil
	}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// command runs one command for m.
func (q *QEMU) command(m *monitor, name string, args json.RawMessage) (any, error) {
	if q.schema.Command(name) == nil {
		return nil, noCommand("The command %s has not been found", name)
	}
	if err := q.checkArguments(name, args); err != nil {
		return nil, err
	}
	if h := handlers[name]; h != nil {
		return h(q, m, args)
	}
	if answer, ok := q.recorded.Answers[name]; ok {
		return answer, nil
	}
	return nil, refuse("fakeqemu does not play %s", name)
}

// read decodes arguments that fit the schema.
func read[T any](args json.RawMessage) T {
	var v T
	if len(args) > 0 {
		_ = json.Unmarshal(args, &v) // it fits
	}
	return v
}

func (q *QEMU) status() any {
	s := map[string]any{"running": q.state == "running", "status": q.state}
	if q.o.Version == "7.2" {
		s["singlestep"] = false
	}
	return s
}

func queryName(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	if q.o.Name == "" {
		return nothing, nil
	}
	return map[string]string{"name": q.o.Name}, nil
}

// queryCPUs lists the vCPUs: one core each, and every second unattached device, as q35 has them.
func queryCPUs(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	cpus := []any{}
	for i := range max(q.o.CPUs, 1) {
		cpus = append(cpus, map[string]any{
			"cpu-index": i, "thread-id": os.Getpid(), "target": "x86_64",
			"qom-path": "/machine/unattached/device[" + itoa(2*i) + "]",
			"props":    map[string]int{"core-id": i, "socket-id": 0, "thread-id": 0},
		})
	}
	return cpus, nil
}

func queryChardev(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	all := []any{}
	for _, c := range q.chardevs {
		if c.console != nil && !c.console.attached() {
			c.filename = "disconnected:" + c.filename
		}
		all = append(all, map[string]any{"label": c.label, "filename": c.filename, "frontend-open": true})
	}
	return all, nil
}

func doCont(q *QEMU, _ *monitor, _ json.RawMessage) (any, error) {
	if !q.cont() {
		return nil, refuse("Resetting the Virtual Machine is required")
	}
	return nothing, nil
}

func setAction(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	if reboot := read[struct{ Reboot string }](args).Reboot; reboot != "" {
		q.o.Reboot = reboot == "shutdown"
	}
	return nothing, nil
}

func (q *QEMU) job(args json.RawMessage) (int, error) {
	id := read[struct{ ID string }](args).ID
	for i, j := range q.o.Jobs {
		if j.ID == id {
			return i, nil
		}
	}
	return 0, refuse("Job not found")
}

func jobDismiss(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	i, err := q.job(args)
	if err != nil {
		return nil, err
	}
	j := q.o.Jobs[i]
	if j.Status != "concluded" {
		return nil, refuse("Job '%s' in state '%s' cannot accept command verb 'dismiss'", j.ID, j.Status)
	}
	q.emit("JOB_STATUS_CHANGE", map[string]string{"id": j.ID, "status": "null"})
	q.o.Jobs = append(q.o.Jobs[:i:i], q.o.Jobs[i+1:]...)
	return nothing, nil
}

func jobCancel(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	i, err := q.job(args)
	if err != nil {
		return nil, err
	}
	j := &q.o.Jobs[i]
	for _, state := range []string{"aborting", "concluded"} {
		j.Status = state
		q.emit("JOB_STATUS_CHANGE", map[string]string{"id": j.ID, "status": state})
	}
	j.Error = "Operation was cancelled"
	if j.dismisses {
		q.o.Jobs = slices.Delete(q.o.Jobs, i, i+1)
	}
	return nothing, nil
}

// knows reports whether the recorded QEMU has a device driver of that name.
func (q *QEMU) knows(driver string) bool {
	_, found := slices.BinarySearch(q.recorded.Devices, driver)
	return found
}
