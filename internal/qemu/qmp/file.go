package qmp

import (
	"context"
	"os"
)

// FDSet is a set of file descriptors that QEMU opens as /dev/fdset/<ID>.
type FDSet struct {
	ID  int  `json:"fdset-id"`
	FDs []FD `json:"fds"`
}

// FD is one descriptor in an fdset.
type FD struct {
	FD     int    `json:"fd"` // QEMU's number for it
	Opaque string `json:"opaque,omitempty"`
}

// AddedFD says where AddFD put a file.
type AddedFD struct {
	Set int `json:"fdset-id"`
	FD  int `json:"fd"`
}

type addFDArgs struct {
	Set    *int   `json:"fdset-id,omitempty"`
	Opaque string `json:"opaque,omitempty"`
}

type removeFDArgs struct {
	Set int  `json:"fdset-id"`
	FD  *int `json:"fd,omitempty"`
}

type fdNameArgs struct {
	Name string `json:"fdname"`
}

var (
	addFD       = define[addFDArgs, AddedFD]("add-fd")
	removeFD    = define[removeFDArgs, none]("remove-fd")
	queryFDSets = define[none, []FDSet]("query-fdsets")
	getFD       = define[fdNameArgs, none]("getfd")
	closeFD     = define[fdNameArgs, none]("closefd")
)

// AddFD puts f into the fdset with number set, which is made if need be; a negative set means a new
// one. QEMU takes from the set the descriptor whose access mode is the one it opens with, so f must
// have been opened with just that. opaque comes back in QueryFDSets.
func AddFD(ctx context.Context, on Executor, f *os.File, set int, opaque string) (AddedFD, error) {
	args := addFDArgs{Opaque: opaque}
	if set >= 0 {
		args.Set = &set
	}
	return addFD.do(ctx, on, args, f)
}

// RemoveFD takes one descriptor (QEMU's number) out of a set, or all of them if fd is negative.
// QEMU closes what is not in use, but only while the machine runs: on a paused one that waits for
// cont.
func RemoveFD(ctx context.Context, on Executor, set, fd int) error {
	args := removeFDArgs{Set: set}
	if fd >= 0 {
		args.FD = &fd
	}
	return removeFD.run(ctx, on, args)
}

// QueryFDSets lists the fdsets.
func QueryFDSets(ctx context.Context, on Executor) ([]FDSet, error) {
	return queryFDSets.do(ctx, on, none{})
}

// GetFD gives f to QEMU under a name that other commands refer to. A file that had the name before
// is closed there.
func GetFD(ctx context.Context, on Executor, f *os.File, name string) error {
	return getFD.run(ctx, on, fdNameArgs{name}, f)
}

// CloseFD closes a file that GetFD gave and no command took.
func CloseFD(ctx context.Context, on Executor, name string) error {
	return closeFD.run(ctx, on, fdNameArgs{name})
}
