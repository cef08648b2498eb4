package qmp

import (
	"encoding/json"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Event is something QEMU says unasked.
type Event struct {
	Name string
	Time time.Time       // QEMU's clock; zero if it could not tell
	Seq  uint64          // place in the order of this conversation's events, from 1
	Data json.RawMessage // an object; nil if the event has none
}

// Names of the events this product acts on. Others come through Subscribe just the same.
const (
	EventShutdown      = "SHUTDOWN" // followed by STOP where -action shutdown=pause
	EventReset         = "RESET"
	EventStop          = "STOP"
	EventResume        = "RESUME"
	EventPowerdown     = "POWERDOWN"
	EventSuspend       = "SUSPEND"
	EventWakeup        = "WAKEUP"
	EventGuestPanicked = "GUEST_PANICKED"
	EventWatchdog      = "WATCHDOG"
	EventDeviceDeleted = "DEVICE_DELETED"
	EventUnplugError   = "DEVICE_UNPLUG_GUEST_ERROR"
	EventBlockIOError  = "BLOCK_IO_ERROR"
	EventJobStatus     = "JOB_STATUS_CHANGE"
	EventStreamUp      = "NETDEV_STREAM_CONNECTED"
	EventStreamDown    = "NETDEV_STREAM_DISCONNECTED"
	EventMigration     = "MIGRATION"
	EventSerialPort    = "VSERPORT_CHANGE"
	EventRTCChange     = "RTC_CHANGE"
)

// Reasons of SHUTDOWN and RESET (qapi/run-state.json, ShutdownCause).
const (
	CauseHostError      = "host-error"
	CauseQuit           = "host-qmp-quit"
	CauseHostReset      = "host-qmp-system-reset"
	CauseSignal         = "host-signal"
	CauseUI             = "host-ui"
	CauseGuestShutdown  = "guest-shutdown"
	CauseGuestReset     = "guest-reset"
	CauseGuestPanic     = "guest-panic"
	CauseSubsystemReset = "subsystem-reset"
	CauseSnapshotLoad   = "snapshot-load"
	CauseNone           = "none"
)

// ShutdownEvent is the data of SHUTDOWN and RESET.
type ShutdownEvent struct {
	Guest  bool   `json:"guest"`  // the guest did it
	Reason string `json:"reason"` // CauseGuestShutdown and so on
}

// PanicEvent is the data of GUEST_PANICKED.
type PanicEvent struct {
	Action string          `json:"action"` // what QEMU did: "pause", "poweroff", "run"
	Info   json.RawMessage `json:"info,omitempty"`
}

// WatchdogEvent is the data of WATCHDOG.
type WatchdogEvent struct {
	Action string `json:"action"`
}

// DeviceEvent is the data of DEVICE_DELETED and DEVICE_UNPLUG_GUEST_ERROR.
type DeviceEvent struct {
	Device string `json:"device,omitempty"` // the id; empty for a device without one
	Path   string `json:"path"`
}

// BlockErrorEvent is the data of BLOCK_IO_ERROR. The guest can make as many as it likes.
type BlockErrorEvent struct {
	Device    string `json:"device"`
	NodeName  string `json:"node-name,omitempty"`
	Operation string `json:"operation"` // "read" or "write"
	Action    string `json:"action"`    // "ignore", "report", "stop"
	NoSpace   bool   `json:"nospace,omitempty"`
	Reason    string `json:"reason"`
}

// JobEvent is the data of JOB_STATUS_CHANGE.
type JobEvent struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// StreamEvent is the data of NETDEV_STREAM_CONNECTED and NETDEV_STREAM_DISCONNECTED.
type StreamEvent struct {
	Netdev string `json:"netdev-id"`
}

// MigrationEvent is the data of MIGRATION.
type MigrationEvent struct {
	Status string `json:"status"`
}

// SerialPortEvent is the data of VSERPORT_CHANGE: the guest opened or closed a virtio port.
type SerialPortEvent struct {
	ID   string `json:"id"`
	Open bool   `json:"open"`
}

// RTCEvent is the data of RTC_CHANGE.
type RTCEvent struct {
	Offset int64 `json:"offset"` // seconds from the host's clock
}

// eventData says which type is the data of which event; nil for none.
var eventData = map[string]any{
	EventShutdown: ShutdownEvent{}, EventReset: ShutdownEvent{},
	EventStop: nil, EventResume: nil, EventPowerdown: nil, EventSuspend: nil, EventWakeup: nil,
	EventGuestPanicked: PanicEvent{}, EventWatchdog: WatchdogEvent{},
	EventDeviceDeleted: DeviceEvent{}, EventUnplugError: DeviceEvent{},
	EventBlockIOError: BlockErrorEvent{}, EventJobStatus: JobEvent{},
	EventStreamUp: StreamEvent{}, EventStreamDown: StreamEvent{},
	EventMigration: MigrationEvent{}, EventSerialPort: SerialPortEvent{}, EventRTCChange: RTCEvent{},
}

// Data decodes the data of an event: Data[ShutdownEvent](e).
func Data[D any](e Event) (D, error) {
	var d D
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return d, fault.New(fault.Internal, "the data of event %s is not what its schema says", e.Name).Because(err)
	}
	return d, nil
}
