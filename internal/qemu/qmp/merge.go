package qmp

import "context"

// Stream has a node take over what it reads from those below it, down to Base, which stays below it.
type Stream struct {
	Job         string `json:"job-id"`
	Device      string `json:"device"` // the node
	Base        string `json:"base-node,omitempty"`
	BackingFile string `json:"backing-file,omitempty"` // what its header is to name below it
	AutoDismiss bool   `json:"auto-dismiss"`           // else it is in the list of jobs until job-dismiss
}

// Commit has what is in Top, and in what is between, written into Base.
type Commit struct {
	Job         string `json:"job-id"`
	Device      string `json:"device"` // the node that the guest writes to
	Top         string `json:"top-node"`
	Base        string `json:"base-node"`
	BackingFile string `json:"backing-file,omitempty"` // what the header of the node on Top is to name
	AutoDismiss bool   `json:"auto-dismiss"`
}

type reopenArgs struct {
	Options []Object `json:"options"`
}

var (
	blockStream    = define[Stream, none]("block-stream")
	blockCommit    = define[Commit, none]("block-commit")
	blockdevReopen = define[Object, none]("blockdev-reopen")
)

// BlockStream begins a job that is over when it is no more.
func BlockStream(ctx context.Context, on Executor, s Stream) error {
	return blockStream.run(ctx, on, s)
}

// BlockCommit begins a job that is over when it is no more, where Top is not what the guest writes to.
func BlockCommit(ctx context.Context, on Executor, c Commit) error {
	return blockCommit.run(ctx, on, c)
}

// BlockdevReopen opens nodes anew, all of them or none. A file and the format on it go together: QEMU's own lock keeps one
// from going alone.
func BlockdevReopen(ctx context.Context, on Executor, nodes []Object) error {
	return blockdevReopen.run(ctx, on, reopenArgs{nodes})
}
