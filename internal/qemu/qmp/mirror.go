package qmp

import "context"

// Mirror is a disk of a living VM that is copied to a layer of its own, to which every write of its guest goes too.
type Mirror struct {
	Device string // "disk-root"
	Slot   int    // where it sits
	Layer  string // the new layer's ID
	Format string // "raw", "qcow2"
	Block  bool   // on a block device
	IO     DiskIO // how the disk is read and written
	Limit  int64  // bytes a second, 0 for as many as there are
}

type mirrorArgs struct {
	JobID  string `json:"job-id"`
	Device string `json:"device"` // the node that is copied
	Target string `json:"target"`
	Sync   string `json:"sync"`
	// CopyMode write-blocking: a write of the guest has ended when it is in both. So a copy comes to its end however much
	// the guest writes, and from then on the two are alike.
	CopyMode string `json:"copy-mode"`
	Speed    int64  `json:"speed,omitempty"`
	// What has come to its end waits for a word of ours, and stays until it was asked for: a daemon that was not there
	// finds it.
	AutoFinalize bool `json:"auto-finalize"`
	AutoDismiss  bool `json:"auto-dismiss"`
}

type blockJobCancelArgs struct {
	Device string `json:"device"` // the job's id
	Force  bool   `json:"force"`
}

var (
	blockdevMirror = define[mirrorArgs, none]("blockdev-mirror")
	blockJobCancel = define[blockJobCancelArgs, none]("block-job-cancel")
	jobComplete    = define[idArgs, none]("job-complete")
	jobFinalize    = define[idArgs, none]("job-finalize")
)

// BlockdevMirror begins to copy a node to another one that was added before. It is JobReady when the two are alike.
func BlockdevMirror(ctx context.Context, on Executor, job, node, target string, speed int64) error {
	return blockdevMirror.run(ctx, on, mirrorArgs{JobID: job, Device: node, Target: target, Sync: "full", CopyMode: "write-blocking", Speed: speed})
}

// JobComplete has a mirror that is ready come to its end by putting the copy in the place of the original. The guest's
// writes stand still, and the copy is flushed, when it is JobPending; JobFinalize does it.
func JobComplete(ctx context.Context, on Executor, id string) error {
	return jobComplete.run(ctx, on, idArgs{id})
}

// JobFinalize does what a pending job is about to.
func JobFinalize(ctx context.Context, on Executor, id string) error {
	return jobFinalize.run(ctx, on, idArgs{id})
}

// BlockJobLeave has a mirror that is ready come to its end and leave the original where it is: the copy is what that was at
// the moment in which it is JobPending.
func BlockJobLeave(ctx context.Context, on Executor, id string) error {
	return blockJobCancel.run(ctx, on, blockJobCancelArgs{Device: id})
}
