package qmp

import "context"

type trayArgs struct {
	ID    string `json:"id"`
	Force bool   `json:"force,omitempty"`
}

type insertArgs struct {
	ID   string `json:"id"`
	Node string `json:"node-name"`
}

var (
	openTray     = define[trayArgs, none]("blockdev-open-tray")
	closeTray    = define[idArgs, none]("blockdev-close-tray")
	removeMedium = define[idArgs, none]("blockdev-remove-medium")
	insertMedium = define[insertArgs, none]("blockdev-insert-medium")
)

// OpenTray opens the tray of a drive, by its device's id. Where the guest has locked it, it is asked to let go, and
// the command is refused unless force is given. A tray that is open is no error.
func OpenTray(ctx context.Context, on Executor, id string, force bool) error {
	return openTray.run(ctx, on, trayArgs{id, force})
}

// CloseTray closes it; the guest hears of what is in it then.
func CloseTray(ctx context.Context, on Executor, id string) error {
	return closeTray.run(ctx, on, idArgs{id})
}

// RemoveMedium takes the block node out of an open tray; none is no error.
func RemoveMedium(ctx context.Context, on Executor, id string) error {
	return removeMedium.run(ctx, on, idArgs{id})
}

// InsertMedium puts a block node into an open tray.
func InsertMedium(ctx context.Context, on Executor, id, node string) error {
	return insertMedium.run(ctx, on, insertArgs{id, node})
}
