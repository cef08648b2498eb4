package qmp

import "context"

// Limits are what a disk may do in a second (qapi/block-core.json, BlockIOThrottle); 0 is no limit. The first six have to
// be said, and what is said replaces all that was.
type Limits struct {
	ID            string `json:"id"` // of the device
	IOPS          int64  `json:"iops"`
	IOPSRead      int64  `json:"iops_rd"`
	IOPSWrite     int64  `json:"iops_wr"`
	BPS           int64  `json:"bps"`
	BPSRead       int64  `json:"bps_rd"`
	BPSWrite      int64  `json:"bps_wr"`
	IOPSMax       int64  `json:"iops_max,omitempty"` // in a burst
	IOPSReadMax   int64  `json:"iops_rd_max,omitempty"`
	IOPSWriteMax  int64  `json:"iops_wr_max,omitempty"`
	BPSMax        int64  `json:"bps_max,omitempty"`
	BPSReadMax    int64  `json:"bps_rd_max,omitempty"`
	BPSWriteMax   int64  `json:"bps_wr_max,omitempty"`
	IOPSMaxLength int64  `json:"iops_max_length,omitempty"` // seconds of a burst; QEMU refuses one where there is no burst

	IOPSReadMaxLength  int64 `json:"iops_rd_max_length,omitempty"`
	IOPSWriteMaxLength int64 `json:"iops_wr_max_length,omitempty"`
	BPSMaxLength       int64 `json:"bps_max_length,omitempty"`
	BPSReadMaxLength   int64 `json:"bps_rd_max_length,omitempty"`
	BPSWriteMaxLength  int64 `json:"bps_wr_max_length,omitempty"`
}

var (
	blockSetIOThrottle = define[Limits, none]("block_set_io_throttle")
	objectAdd          = define[Object, none]("object-add")
	objectDel          = define[idArgs, none]("object-del")
	queryIOThreads     = define[none, []IOThread]("query-iothreads")
)

// BlockSetIOThrottle says what a disk may do in a second.
func BlockSetIOThrottle(ctx context.Context, on Executor, l Limits) error {
	return blockSetIOThrottle.run(ctx, on, l)
}

// ObjectAdd makes an object that is no device: qom-type, id and its own properties.
func ObjectAdd(ctx context.Context, on Executor, props Object) error {
	return objectAdd.run(ctx, on, props)
}

// ObjectDel takes one away.
func ObjectDel(ctx context.Context, on Executor, id string) error {
	return objectDel.run(ctx, on, idArgs{id})
}

// IOThread is a thread that serves disks.
type IOThread struct {
	ID       string `json:"id"`
	ThreadID int    `json:"thread-id"` // in QEMU's own pid namespace
}

// QueryIOThreads lists them, those of the monitor not.
func QueryIOThreads(ctx context.Context, on Executor) ([]IOThread, error) {
	return queryIOThreads.do(ctx, on, none{})
}
