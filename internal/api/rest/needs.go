package rest

import (
	"context"
	"encoding/json"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/view"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Actions is every change that can be asked for, and the gate. *action.Actions is one.
type Actions interface {
	Gate
	VMActions
	StorageActions
	HostActions
}

// Gate says whether a caller may.
type Gate interface {
	Authorize(ctx context.Context, call action.Call, row action.Row) error
	OpenConsole(ctx context.Context, call action.Call, ref model.Ref) error
	OpenScreen(ctx context.Context, call action.Call, ref model.Ref) error
	OpenPicture(ctx context.Context, call action.Call, ref model.Ref) error
	OpenExec(ctx context.Context, call action.Call, ref model.Ref, program string) error
	OpenPassword(ctx context.Context, call action.Call, ref model.Ref, user string) error
	OpenGuest(ctx context.Context, call action.Call, row action.Row, ref model.Ref) error
}

// VMActions change VMs.
type VMActions interface {
	CreateVM(ctx context.Context, call action.Call, project string, def vm.Definition) (action.Result, error)
	EditVM(ctx context.Context, call action.Call, ref model.Ref, patch json.RawMessage) (action.Result, error)
	CreateEnvironment(ctx context.Context, call action.Call, project string, body wire.CreateEnvironment) (action.Result, error)
	ChangeMedium(ctx context.Context, call action.Call, ref model.Ref, opt wire.MediumOptions) (action.Result, error)
	DeleteVM(ctx context.Context, call action.Call, ref model.Ref, opt wire.VerbOptions) (action.Result, error)
	CreateImage(ctx context.Context, call action.Call, ref model.Ref, body wire.CreateImage) (action.Result, error)
	CloneVM(ctx context.Context, call action.Call, ref model.Ref, body wire.CloneVM) (action.Result, error)
	RenameVM(ctx context.Context, call action.Call, ref model.Ref, name string) (action.Result, error)
	CreateSnapshot(ctx context.Context, call action.Call, ref model.Ref, body wire.CreateSnapshot) (action.Result, error)
	RestoreSnapshot(ctx context.Context, call action.Call, ref model.Ref, name string) (action.Result, error)
	EditSnapshot(ctx context.Context, call action.Call, ref model.Ref, name string, body wire.EditSnapshot) (action.Result, error)
	PruneSnapshots(ctx context.Context, call action.Call, ref model.Ref, body wire.PruneSnapshots) (action.Result, error)
	DeleteSnapshot(ctx context.Context, call action.Call, ref model.Ref, name string) (action.Result, error)
	PowerVM(ctx context.Context, call action.Call, row action.Row, ref model.Ref, opt wire.VerbOptions) (action.Result, error)
}

// StorageActions change volumes and boot files.
type StorageActions interface {
	CreateVolume(ctx context.Context, call action.Call, project string, body wire.CreateVolume) (action.Result, error)
	ImportVolume(ctx context.Context, call action.Call, project string, body wire.CreateVolume, size model.Bytes, r io.Reader) (action.Result, error)
	DeleteVolume(ctx context.Context, call action.Call, ref model.Ref, now bool) (action.Result, error)
	RestoreVolume(ctx context.Context, call action.Call, ref model.Ref, name string) (action.Result, error)
	PurgeVolume(ctx context.Context, call action.Call, ref model.Ref) (action.Result, error)
	MoveVolume(ctx context.Context, call action.Call, ref model.Ref, body wire.MoveVolume) (action.Result, error)
	ResizeVolume(ctx context.Context, call action.Call, ref model.Ref, size model.Bytes) (action.Result, error)
	RenameVolume(ctx context.Context, call action.Call, ref model.Ref, name string) (action.Result, error)
	OpenVolume(ctx context.Context, call action.Call, ref model.Ref, format string) (storage.Volume, func(), error)
	OpenCheck(ctx context.Context, call action.Call, ref model.Ref, repair bool) (storage.Volume, func(), error)
	Checked(ctx context.Context, v storage.Volume, found storage.VolumeCheck) (storage.VolumeCheck, error)
	CloneVolume(ctx context.Context, call action.Call, ref model.Ref, body wire.CloneVolume) (action.Result, error)
	CreatePool(ctx context.Context, call action.Call, body wire.CreatePool) (action.Result, error)
	EditPool(ctx context.Context, call action.Call, name string, patch json.RawMessage) (action.Result, error)
	CreateShare(ctx context.Context, call action.Call, body wire.CreateShare) (action.Result, error)
	DeleteShare(ctx context.Context, call action.Call, name string) (action.Result, error)
	DeletePool(ctx context.Context, call action.Call, name string) (action.Result, error)
	CreateKey(ctx context.Context, call action.Call, body wire.CreateKey) (action.Result, error)
	UnlockKey(ctx context.Context, call action.Call, name, passphrase string) (action.Result, error)
	LockKey(ctx context.Context, call action.Call, name string) (action.Result, error)
	RenewKey(ctx context.Context, call action.Call, name, passphrase string) (action.Result, error)
	AddKeyslot(ctx context.Context, call action.Call, ref model.Ref, body wire.AddKeyslot) (action.Result, error)
	RemoveKeyslot(ctx context.Context, call action.Call, ref model.Ref, slot int, force bool) (action.Result, error)
	RecoverKeyslots(ctx context.Context, call action.Call, ref model.Ref, passphrase string) (action.Result, error)
	ResealKey(ctx context.Context, call action.Call, name string, body wire.ResealKey) (action.Result, error)
	RotateKey(ctx context.Context, call action.Call, name string) (action.Result, error)
	DeleteKey(ctx context.Context, call action.Call, name string) (action.Result, error)
	RecoverStorage(ctx context.Context, call action.Call) (action.Result, error)
	ImportBootFile(ctx context.Context, call action.Call, ref model.Ref, kind storage.BootKind, size model.Bytes, r io.Reader) (action.Result, error)
	DeleteBootFile(ctx context.Context, call action.Call, ref model.Ref) (action.Result, error)
	ImportImage(ctx context.Context, call action.Call, project string, body wire.ImportImage) (action.Result, error)
	UploadImage(ctx context.Context, call action.Call, body wire.ImportImage, project string, size model.Bytes, r io.Reader) (action.Result, error)
	UpdateImage(ctx context.Context, call action.Call, ref model.Ref, allowDowngrade bool) (action.Result, error)
	AddImageSource(ctx context.Context, call action.Call, body wire.AddImageIndex) (action.Result, error)
	RemoveImageSource(ctx context.Context, call action.Call, name string) (action.Result, error)
	DeleteImage(ctx context.Context, call action.Call, ref model.Ref) (action.Result, error)
	OpenImage(ctx context.Context, call action.Call, ref model.Ref) (file string, err error)
}

// HostActions change what is one a host.
type HostActions interface {
	StopVMs(ctx context.Context, call action.Call, opt wire.StopVMs) (action.Result, error)
	ApplyConfig(ctx context.Context, call action.Call, encoded []byte) (action.Result, error)
	RollBackConfig(ctx context.Context, call action.Call, generation int64) (action.Result, error)
	CancelOperation(ctx context.Context, call action.Call, id string) (action.Result, error)
	Harden(ctx context.Context, call action.Call, opt wire.Harden) (action.Result, error)
	Unlock(ctx context.Context, call action.Call, opt wire.Unlock) (action.Result, error)
	Relock(ctx context.Context, call action.Call) (action.Result, error)
}

// View is everything that can be asked. *view.View is one.
type View interface {
	Index
	VMView
	StorageView
	HostView
}

// Index says how far the view sees, and follows what happens.
type Index interface {
	Await(ctx context.Context, revision int64) error
	Revision() int64
	Events(ctx context.Context, from int64, types []string, subject string) (*view.Stream, error)
}

// VMView shows VMs and operations.
type VMView interface {
	VMs(ctx context.Context, project string, opt view.ListOptions) (wire.Page, error)
	VM(ctx context.Context, ref model.Ref) (wire.VM, error)
	CloudInit(ctx context.Context, ref model.Ref, secrets bool) (wire.CloudInit, error)
	Snapshots(ctx context.Context, ref model.Ref) (wire.Snapshots, error)
	Usage(ctx context.Context, project, sort string, opt view.ListOptions) (wire.UsagePage, error)
	UsageOf(ctx context.Context, ref model.Ref) (wire.VMUsage, error)
	Operations(ctx context.Context, opt view.ListOptions) (wire.Page, error)
	Operation(ctx context.Context, id string) (operation.Operation, error)
}

// StorageView shows volumes and boot files.
type StorageView interface {
	Volumes(ctx context.Context, project string, opt view.ListOptions) (wire.Page, error)
	Volume(ctx context.Context, ref model.Ref) (wire.Volume, error)
	Keyslots(ctx context.Context, ref model.Ref) (wire.Keyslots, error)
	ListShares(opt view.ListOptions) (wire.Page, error)
	Share(name string) (wire.Share, error)
	ListPools(ctx context.Context, opt view.ListOptions) (wire.Page, error)
	Pool(ctx context.Context, name string) (wire.Pool, error)
	ListKeys(ctx context.Context, opt view.ListOptions) (wire.Page, error)
	Key(ctx context.Context, name string) (wire.Key, error)
	VolumeTrash(ctx context.Context, project string, opt view.ListOptions) (wire.Page, error)
	BootFiles(ctx context.Context, project string, opt view.ListOptions) (wire.Page, error)
	BootFile(ctx context.Context, ref model.Ref) (wire.BootFile, error)
	Images(ctx context.Context, project string, opt view.ListOptions) (wire.Page, error)
	Image(ctx context.Context, ref model.Ref) (wire.Image, error)
	ImageSources(ctx context.Context, opt view.ListOptions) (wire.Page, error)
	ImageSource(ctx context.Context, name string) (wire.ImageIndex, error)
}

// HostView shows what is one a host.
type HostView interface {
	Host(ctx context.Context) (wire.Host, error)
	HostPhase(ctx context.Context) (wire.Phase, error)
	Features(ctx context.Context, set, maxRisk string) (wire.Features, error)
	Standing(ctx context.Context, secrets bool) (wire.Config, error)
	ConfigStatus(ctx context.Context) (wire.ConfigStatus, error)
	Generations(ctx context.Context) (wire.Generations, error)
	Generation(ctx context.Context, n int64, secrets bool) (wire.Config, error)
	AuditRecords(ctx context.Context, after int64, limit int) (wire.Page, error)
}

// Console connects to VMs' serial lines.
type Console interface {
	// Connect returns the line: what was printed last and what follows, and a way to type where nobody else does. It
	// ends with the VM's process and by Close, which also ends a Read that waits.
	Connect(ctx context.Context, ref model.Ref, opt vm.ConsoleOptions) (io.ReadWriteCloser, error)
}

// Screens connects viewers to VMs' screens.
type Screens interface {
	// Connect returns one viewer's connection, which speaks RFB. It ends with the VM's process and by Close,
	// which also ends a Read that waits.
	Connect(ctx context.Context, ref model.Ref) (io.ReadWriteCloser, error)
	// Picture returns a PNG of what the screen shows now, and its size in bytes.
	Picture(ctx context.Context, ref model.Ref) (io.ReadCloser, int64, error)
}

// Guests speaks to the agents in VMs' guests.
type Guests interface {
	Facts(ctx context.Context, ref model.Ref) (vm.GuestStatus, error)
	// Exec returns when the program has ended, or ctx has: then it goes on in the guest.
	Exec(ctx context.Context, ref model.Ref, what vm.ExecRequest) (vm.ExecResult, error)
	// Stream tells what the program writes while it runs, by one at a time. It ends the program when ctx is cancelled, but not
	// for another cause than context.Canceled.
	Stream(ctx context.Context, ref model.Ref, what vm.ExecRequest, tell func(vm.ExecPart) error) (vm.ExecResult, error)
	SetPassword(ctx context.Context, ref model.Ref, user, password string, crypted bool) error
	SetTime(ctx context.Context, ref model.Ref) error
	// Trim returns how many bytes were given back.
	Trim(ctx context.Context, ref model.Ref) (int64, error)
}

// Logs reads VMs' logs.
type Logs interface {
	// Read returns a part of a log, and with Follow what is written from then on, until Close, which also ends a
	// Read that waits. log is "serial" or "qemu", or one of these with "-previous" behind it.
	Read(ctx context.Context, ref model.Ref, log string, part vm.LogPart) (io.ReadCloser, error)
}
