package qmp

import (
	"context"
	"errors"
	"io"
)

// Run states of a machine (qapi/run-state.json, RunState) that this product meets.
const (
	StatePrelaunch     = "prelaunch" // -S and not yet continued, or reset while it did not run
	StateRunning       = "running"
	StatePaused        = "paused"         // by stop
	StateShutdown      = "shutdown"       // the guest powered off; only a reset makes it run again
	StateGuestPanicked = "guest-panicked" // cont makes it run on
	StateInternalError = "internal-error" // KVM gave up; only a reset makes it run again
	StateIOError       = "io-error"       // paused by werror/rerror=stop
	StateInMigrate     = "inmigrate"
	StatePostMigrate   = "postmigrate"
	StateFinishMigrate = "finish-migrate"
	StateSaveVM        = "save-vm"
	StateRestoreVM     = "restore-vm"
	StateSuspended     = "suspended"
	StateWatchdog      = "watchdog"
	StateDebug         = "debug"
	StateColo          = "colo"
)

type capabilitiesArgs struct {
	Enable []string `json:"enable,omitempty"`
}

// Status is what the machine does now.
type Status struct {
	Running bool   `json:"running"`
	State   string `json:"status"` // StatePrelaunch and so on
}

type actionArgs struct {
	Reboot string `json:"reboot,omitempty"` // "reset" or "shutdown"
}

type reportedUUID struct {
	UUID string `json:"UUID"`
}

type reportedName struct {
	Name string `json:"name,omitempty"`
}

// KVM says whether KVM is compiled in and whether this machine uses it.
type KVM struct {
	Enabled bool `json:"enabled"`
	Present bool `json:"present"`
}

var (
	capabilities    = define[capabilitiesArgs, none]("qmp_capabilities")
	queryStatus     = define[none, Status]("query-status")
	queryVersion    = define[none, Version]("query-version")
	queryUUID       = define[none, reportedUUID]("query-uuid")
	queryName       = define[none, reportedName]("query-name")
	queryKVM        = define[none, KVM]("query-kvm")
	cont            = define[none, none]("cont")
	stop            = define[none, none]("stop")
	systemPowerdown = define[none, none]("system_powerdown")
	systemReset     = define[none, none]("system_reset")
	setAction       = define[actionArgs, none]("set-action")
	quit            = define[none, none]("quit")
)

// QueryStatus asks what the machine does now.
func QueryStatus(ctx context.Context, on Executor) (Status, error) {
	return queryStatus.do(ctx, on, none{})
}

// QueryVersion asks for QEMU's version.
func QueryVersion(ctx context.Context, on Executor) (Version, error) {
	return queryVersion.do(ctx, on, none{})
}

// QueryUUID asks for the UUID given with -uuid, in lower case with hyphens; all zeros if none was.
func QueryUUID(ctx context.Context, on Executor) (string, error) {
	r, err := queryUUID.do(ctx, on, none{})
	return r.UUID, err
}

// QueryName asks for the guest's name given with -name, empty if none was.
func QueryName(ctx context.Context, on Executor) (string, error) {
	r, err := queryName.do(ctx, on, none{})
	return r.Name, err
}

// QueryKVM asks whether the machine runs on KVM.
func QueryKVM(ctx context.Context, on Executor) (KVM, error) { return queryKVM.do(ctx, on, none{}) }

// Cont makes the machine run. It is refused (kind Precondition) in states that need a reset first,
// such as shutdown. On a running machine it does nothing.
func Cont(ctx context.Context, on Executor) error { return cont.run(ctx, on, none{}) }

// Stop pauses the vCPUs. On a machine that does not run it does nothing, and leaves its state.
func Stop(ctx context.Context, on Executor) error { return stop.run(ctx, on, none{}) }

// SystemPowerdown presses the power button; the guest may or may not act on it.
func SystemPowerdown(ctx context.Context, on Executor) error {
	return systemPowerdown.run(ctx, on, none{})
}

// SystemReset resets the machine. One that does not run is in state prelaunch afterwards, whatever
// it was before.
func SystemReset(ctx context.Context, on Executor) error { return systemReset.run(ctx, on, none{}) }

// SetRebootAction says what a reset, by the guest or by us, does from now on: it resets the machine, or ends it as a
// shutdown does.
func SetRebootAction(ctx context.Context, on Executor, shutdown bool) error {
	action := map[bool]string{false: "reset", true: "shutdown"}[shutdown]
	return setAction.run(ctx, on, actionArgs{Reboot: action})
}

// Quit ends QEMU. A monitor that closes instead of answering counts as success.
func Quit(ctx context.Context, on Executor) error {
	if err := quit.run(ctx, on, none{}); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
