package action

import (
	"cmp"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
)

// Access says who may ask.
type Access string

// The access classes. The API's socket lets nobody else in.
const (
	Member Access = "member" // the group hypervisor, and root
	Root   Access = "root"   // root alone
)

// Wish says what kind of wish an action is.
type Wish string

// The kinds of wishes.
const (
	Level Wish = "level" // stays true; a newer one takes its place
	Edge  Wish = "edge"  // happens once
	Read  Wish = "read"  // changes nothing
)

// Row is one action: what may be asked, by whom, in which phase, for which feature, and where it is
// reached. A Row cannot be made outside of this package: an action that is not in the table has no
// route.
type Row struct {
	name    string
	access  Access
	feature string
	class   phase.Class
	dryRun  bool
	wish    Wish
	method  string
	path    string
	what    string
}

// Name is the action's stable name: "vm.start".
func (r Row) Name() string { return r.name }

// Access is who may ask.
func (r Row) Access() Access { return r.access }

// Feature is the feature that the action belongs to; the core ones are always on.
func (r Row) Feature() string { return r.feature }

// Class is the kind of action it is; the phases allow kinds.
func (r Row) Class() phase.Class { return r.class }

// Hardened is what a hardened host makes of it.
func (r Row) Hardened() phase.Verdict { return r.class.Hardened() }

// DryRun reports whether its plan can be asked for.
func (r Row) DryRun() bool { return r.dryRun }

// Wish is what kind of wish it is.
func (r Row) Wish() Wish { return r.wish }

// Method is the method of its route.
func (r Row) Method() string { return r.method }

// Path is its route below the server's root.
func (r Row) Path() string { return r.path }

// What says in a few words what it does.
func (r Row) What() string { return r.what }

const (
	project    = "/v1/projects/{project}"
	vmPath     = project + "/vms/{name}"
	core       = "vmManagement"
	log        = "auditLogging"
	separation = "privilegeSeparation"
	snapshots  = "snapshots"
	encryption = "encryption"
	developers = "devEnvironments"
)

// The action table. Columns: name, access, feature, class (which phase allows it), dry run, wish, route.
var (
	VMCreate = row("vm.create", Member, core, phase.Configure, true, Level, "POST", project+"/vms", "create a VM")
	VMEdit   = row("vm.edit", Member, core, phase.Configure, true, Level, "PATCH", vmPath, "edit a VM's spec")
	VMRename = row("vm.rename", Member, core, phase.Configure, true, Level, "POST", vmPath+"/actions/rename", "give a VM another name")
	VMClone  = row("vm.clone", Member, core, phase.Configure, true, Level, "POST", vmPath+"/actions/clone", "make a VM that begins as another one")
	VMCDROM  = row("vm.cdrom", Member, core, phase.Medium, true, Level, "POST", vmPath+"/actions/cdrom", "change the medium in a VM's CD-ROM drive")
	VMDelete = row("vm.delete", Member, core, phase.Configure, true, Level, "DELETE", vmPath, "delete a VM")
	VMStart  = row("vm.start", Member, core, phase.Power, true, Level, "POST", vmPath+"/actions/start", "start a VM")
	VMStop   = row("vm.stop", Member, core, phase.Power, true, Level, "POST", vmPath+"/actions/stop", "ask a VM's guest to power off")
	VMKill   = row("vm.kill", Member, core, phase.Power, true, Level, "POST", vmPath+"/actions/kill", "end a VM without asking its guest")
	VMPause  = row("vm.pause", Member, core, phase.Power, true, Level, "POST", vmPath+"/actions/pause", "stop a VM's vCPUs")
	VMResume = row("vm.resume", Member, core, phase.Power, true, Level, "POST", vmPath+"/actions/resume", "let a paused VM go on")
	VMReboot = row("vm.reboot", Member, core, phase.Power, true, Edge, "POST", vmPath+"/actions/reboot", "ask a VM's guest to power off, and start it again")
	VMReset  = row("vm.reset", Member, core, phase.Power, true, Edge, "POST", vmPath+"/actions/reset", "reset a VM without asking its guest")

	VMSuspend = row("vm.suspend", Member, core, phase.Power, true, Level, "POST", vmPath+"/actions/suspend", "save a VM's memory to disk, and end it")

	VMList    = row("vm.list", Member, core, phase.Look, false, Read, "GET", project+"/vms", "list VMs")
	VMShow    = row("vm.show", Member, core, phase.Look, false, Read, "GET", vmPath, "show a VM")
	VMConsole = row("vm.console", Member, core, phase.Console, false, Edge, "GET", vmPath+"/console", "connect to a VM's serial console")
	VMVNC     = row("vm.vnc", Member, core, phase.Console, false, Edge, "GET", vmPath+"/vnc", "connect to a VM's screen")
	VMShot    = row("vm.screenshot", Member, core, phase.Console, false, Edge, "GET", vmPath+"/screenshot", "take a picture of a VM's screen")
	VMUsage   = row("vm.usage", Member, core, phase.Look, false, Read, "GET", vmPath+"/usage", "show what a VM uses")
	VMUsages  = row("vm.usage-list", Member, core, phase.Look, false, Read, "GET", project+"/vm-usage", "show what all VMs use")
	VMLogs    = row("vm.logs", Member, core, phase.Look, false, Read, "GET", vmPath+"/logs/{log}", "read a VM's logs")

	VMGuest    = row("vm.guest", Member, core, phase.Look, false, Read, "GET", vmPath+"/guest", "ask a VM's guest what it is")
	VMSeed     = row("vm.cloud-init", Member, core, phase.Look, false, Read, "GET", vmPath+"/cloud-init", "show what a VM's guest is told at its first boot")
	VMSecrets  = row("vm.cloud-init-secrets", Root, core, phase.Look, false, Read, "GET", vmPath+"/cloud-init/secrets", "the same, with its secrets")
	VMExec     = row("vm.exec", Member, core, phase.Console, false, Edge, "POST", vmPath+"/actions/exec", "run a program in a VM's guest")
	VMPassword = row("vm.set-password", Member, core, phase.Console, false, Edge, "POST", vmPath+"/actions/set-password", "give a user of a VM's guest a password")
	VMSetTime  = row("vm.set-time", Member, core, phase.Console, false, Edge, "POST", vmPath+"/actions/set-time", "give a VM's guest the host's time")
	VMTrim     = row("vm.trim", Member, core, phase.Console, false, Edge, "POST", vmPath+"/actions/trim", "have a VM's guest give back what its files do not use")

	VolumeCreate = row("volume.create", Member, core, phase.Configure, true, Level, "POST", project+"/volumes", "create an empty volume")
	VolumeImport = row("volume.import", Member, core, phase.Configure, true, Edge, "PUT", project+"/volumes/{name}/content", "import a volume's content")
	VolumeDelete = row("volume.delete", Member, core, phase.Configure, true, Level, "DELETE", project+"/volumes/{name}", "delete a volume and what is on it")
	VolumeClone  = row("volume.clone", Member, core, phase.Configure, true, Edge, "POST", project+"/volumes/{name}/actions/clone", "make volumes that begin as a copy of another")
	VolumeList   = row("volume.list", Member, core, phase.Look, false, Read, "GET", project+"/volumes", "list volumes")
	VolumeShow   = row("volume.show", Member, core, phase.Look, false, Read, "GET", project+"/volumes/{name}", "show a volume")

	PoolCreate     = row("pool.create", Root, core, phase.Configure, true, Level, "POST", "/v1/pools", "make a pool to keep volumes in")
	PoolEdit       = row("pool.edit", Root, core, phase.Configure, true, Level, "PATCH", "/v1/pools/{name}", "edit a pool's watermarks, retention and labels")
	PoolDelete     = row("pool.delete", Root, core, phase.Configure, true, Level, "DELETE", "/v1/pools/{name}", "let go of a pool that keeps no volume")
	PoolList       = row("pool.list", Member, core, phase.Look, false, Read, "GET", "/v1/pools", "list pools")
	PoolShow       = row("pool.show", Member, core, phase.Look, false, Read, "GET", "/v1/pools/{name}", "show a pool, and who uses what of it")
	ShareCreate    = row("share.create", Root, core, phase.Configure, true, Edge, "POST", "/v1/shares", "let VMs mount a folder of the host's")
	ShareDelete    = row("share.delete", Root, core, phase.Configure, true, Edge, "DELETE", "/v1/shares/{name}", "let go of a share that no VM names")
	ShareList      = row("share.list", Member, core, phase.Look, false, Read, "GET", "/v1/shares", "list shares")
	ShareShow      = row("share.show", Member, core, phase.Look, false, Read, "GET", "/v1/shares/{name}", "show a share, and who mounts it")
	StorageRecover = row("storage.recover", Root, core, phase.Configure, true, Edge, "POST", "/v1/storage/actions/recover", "rebuild what the store has lost from the notes on the pools")

	VolumeResize   = row("volume.resize", Member, core, phase.Configure, true, Level, "POST", project+"/volumes/{name}/actions/resize", "make a volume larger")
	VolumeMove     = row("volume.move", Member, core, phase.Configure, true, Level, "POST", project+"/volumes/{name}/actions/move", "move a volume into another pool")
	VolumeExport   = row("volume.export", Member, core, phase.Console, false, Edge, "GET", project+"/volumes/{name}/content", "read a volume's content")
	VolumeCheck    = row("volume.check", Member, core, phase.Console, false, Edge, "POST", project+"/volumes/{name}/actions/check", "look whether a volume's files are in order")
	KeyslotAdd     = row("volume.keyslot-add", Root, encryption, phase.Configure, true, Edge, "POST", project+"/volumes/{name}/keyslots", "have a recovery passphrase open a volume")
	KeyslotRemove  = row("volume.keyslot-remove", Root, encryption, phase.Configure, true, Edge, "DELETE", project+"/volumes/{name}/keyslots/{slot}", "empty a keyslot of a volume")
	KeyslotRecover = row("volume.keyslot-recover", Root, encryption, phase.Configure, true, Edge, "POST", project+"/volumes/{name}/actions/recover", "have a volume's key open it again")
	KeyslotList    = row("volume.keyslot-list", Member, core, phase.Look, false, Read, "GET", project+"/volumes/{name}/keyslots", "list what opens a volume")

	VolumeRename  = row("volume.rename", Member, core, phase.Configure, true, Level, "POST", project+"/volumes/{name}/actions/rename", "give a volume another name")
	VolumeRestore = row("volume.restore", Member, core, phase.Configure, true, Edge, "POST", project+"/volume-trash/{name}/actions/restore", "take a volume out of the trash")
	VolumePurge   = row("volume.purge", Member, core, phase.Configure, true, Level, "DELETE", project+"/volume-trash/{name}", "delete a volume in the trash for ever")
	VolumeTrash   = row("volume.trash-list", Member, core, phase.Look, false, Read, "GET", project+"/volume-trash", "list the volumes in the trash")

	SnapshotCreate  = row("snapshot.create", Member, snapshots, phase.Configure, true, Edge, "POST", vmPath+"/snapshots", "take a snapshot of a VM")
	SnapshotRestore = row("snapshot.restore", Member, snapshots, phase.Configure, true, Edge, "POST", vmPath+"/snapshots/{snapshot}/actions/restore", "put a VM back to a snapshot")
	SnapshotDelete  = row("snapshot.delete", Member, snapshots, phase.Configure, true, Edge, "DELETE", vmPath+"/snapshots/{snapshot}", "delete a snapshot of a VM")
	SnapshotEdit    = row("snapshot.edit", Member, snapshots, phase.Configure, true, Edge, "PATCH", vmPath+"/snapshots/{snapshot}", "change what is said of a snapshot")
	SnapshotPrune   = row("snapshot.prune", Member, snapshots, phase.Configure, true, Edge, "POST", vmPath+"/snapshots/actions/prune", "delete the snapshots of a VM that no rule keeps")
	SnapshotList    = row("snapshot.list", Member, core, phase.Look, false, Read, "GET", vmPath+"/snapshots", "list the snapshots of a VM")

	KeyCreate = row("key.create", Root, encryption, phase.Configure, true, Level, "POST", "/v1/keys", "make a key to encrypt volumes with")
	KeyRotate = row("key.rotate", Root, encryption, phase.Configure, true, Level, "POST", "/v1/keys/{name}/actions/rotate", "put a new secret in the place of a key's")
	KeyRenew  = row("key.renew", Root, encryption, phase.Configure, true, Edge, "POST", "/v1/keys/{name}/actions/renew", "make a new secret for a key that is lost")
	KeyReseal = row("key.reseal", Root, encryption, phase.Configure, true, Edge, "POST", "/v1/keys/{name}/actions/reseal", "give a key another passphrase")
	KeyUnlock = row("key.unlock", Root, core, phase.Power, true, Edge, "POST", "/v1/keys/{name}/actions/unlock", "open a key, so that VMs can be started with it")
	KeyLock   = row("key.lock", Root, core, phase.Power, true, Edge, "POST", "/v1/keys/{name}/actions/lock", "forget a key's secret until it is unlocked")
	KeyDelete = row("key.delete", Root, core, phase.Configure, true, Level, "DELETE", "/v1/keys/{name}", "delete a key that nothing is encrypted with")
	KeyList   = row("key.list", Member, core, phase.Look, false, Read, "GET", "/v1/keys", "list keys")
	KeyShow   = row("key.show", Member, core, phase.Look, false, Read, "GET", "/v1/keys/{name}", "show a key, and what is encrypted with it")

	BootFileImport = row("boot-file.import", Member, core, phase.Configure, true, Edge, "PUT", project+"/boot-files/{name}/content", "import a kernel or an initrd")
	BootFileDelete = row("boot-file.delete", Member, core, phase.Configure, true, Level, "DELETE", project+"/boot-files/{name}", "delete a kernel or an initrd")
	BootFileShow   = row("boot-file.show", Member, core, phase.Look, false, Read, "GET", project+"/boot-files/{name}", "show a kernel or an initrd")
	BootFileList   = row("boot-file.list", Member, core, phase.Look, false, Read, "GET", project+"/boot-files", "list kernels and initrds")

	ImageImport = row("image.import", Member, core, phase.Configure, true, Level, "POST", project+"/images", "fetch an image into the library")
	ImageUpload = row("image.upload", Member, core, phase.Configure, true, Level, "PUT", project+"/images/{name}/content", "put an image into the library")
	ImageUpdate = row("image.update", Member, core, phase.Configure, true, Level, "POST", project+"/images/{name}/actions/update", "fetch the newest version of an image")
	ImageCreate = row("image.create", Member, core, phase.Configure, true, Level, "POST", vmPath+"/actions/image", "make an image of a VM's disk")
	ImageDelete = row("image.delete", Member, core, phase.Configure, true, Level, "DELETE", project+"/images/{name}", "delete an image")
	ImageList   = row("image.list", Member, core, phase.Look, false, Read, "GET", project+"/images", "list images")
	ImageShow   = row("image.show", Member, core, phase.Look, false, Read, "GET", project+"/images/{name}", "show an image")
	ImageExport = row("image.export", Member, core, phase.Look, false, Read, "GET", project+"/images/{name}/content", "read an image's content")

	EnvironmentList   = row("environment.list", Member, developers, phase.Look, false, Read, "GET", "/v1/environments", "list development environments")
	EnvironmentCreate = row("environment.create", Member, developers, phase.Configure, true, Level, "POST", project+"/environments", "make a development environment")

	ImageSourceAdd    = row("image-source.add", Root, core, phase.Configure, true, Level, "POST", "/v1/image-sources", "add a place that lists images")
	ImageSourceRemove = row("image-source.remove", Root, core, phase.Configure, true, Level, "DELETE", "/v1/image-sources/{name}", "forget a place that lists images")
	ImageSourceList   = row("image-source.list", Member, core, phase.Look, false, Read, "GET", "/v1/image-sources", "list the places that list images")
	ImageSourceOffers = row("image-source.offers", Member, core, phase.Look, false, Read, "GET", "/v1/image-sources/{name}/offers", "ask a place which images it lists")

	OperationList   = row("operation.list", Member, core, phase.Look, false, Read, "GET", "/v1/operations", "list operations")
	OperationShow   = row("operation.show", Member, core, phase.Look, false, Read, "GET", "/v1/operations/{id}", "show an operation")
	OperationCancel = row("operation.cancel", Member, core, phase.Cancel, true, Edge, "POST", "/v1/operations/{id}/actions/cancel", "cancel an operation")

	ConfigApply = row("config.apply", Root, core, phase.Declare, true, Level, "PUT", "/v1/config", "apply a declaration")
	ConfigShow  = row("config.show", Member, core, phase.Look, false, Read, "GET", "/v1/config", "show the declaration")

	ConfigRollback   = row("config.rollback", Root, core, phase.Configure, true, Level, "POST", "/v1/config/actions/rollback", "let an earlier generation of the declaration stand again")
	ConfigStatus     = row("config.status", Member, core, phase.Look, false, Read, "GET", "/v1/config/status", "hold what runs against what is declared")
	ConfigHistory    = row("config.history", Member, core, phase.Look, false, Read, "GET", "/v1/config/generations", "list the generations of the declaration")
	ConfigGeneration = row("config.generation", Member, core, phase.Look, false, Read, "GET", "/v1/config/generations/{generation}", "show a generation of the declaration")

	PhaseShow   = row("phase.show", Member, separation, phase.Look, false, Read, "GET", "/v1/phase", "show the phase of the host")
	PhaseHarden = row("phase.harden", Root, separation, phase.Harden, true, Edge, "POST", "/v1/phase/actions/harden", "harden the host")
	PhaseUnlock = row("phase.unlock", Root, separation, phase.Unlock, true, Edge, "POST", "/v1/phase/actions/unlock", "unlock a hardened host, after a delay")
	PhaseRelock = row("phase.relock", Root, separation, phase.Narrow, true, Edge, "POST", "/v1/phase/actions/relock", "call an unlock off")

	FeatureList = row("feature.list", Member, core, phase.Look, false, Read, "GET", "/v1/features", "list features")
	HostShow    = row("host.show", Member, core, phase.Look, false, Read, "GET", "/v1/host", "show this host")
	HostStopVMs = row("host.stop-vms", Root, core, phase.Power, true, Edge, "POST", "/v1/host/actions/stop-vms", "stop every VM before the host goes down")
	EventList   = row("event.list", Member, core, phase.Look, false, Read, "GET", "/v1/events", "follow what happens")
	AuditList   = row("audit.list", Root, log, phase.Look, false, Read, "GET", "/v1/audit", "read the audit log")
	VersionShow = row("version.show", Member, core, phase.Look, false, Read, "GET", "/v1/version", "show the version")
	APIShow     = row("api.show", Member, core, phase.Look, false, Read, "GET", "/v1/openapi.json", "show the API's description")
)

var table []Row

func row(name string, access Access, feature string, class phase.Class, dryRun bool, wish Wish, method, path, what string) Row {
	r := Row{name, access, feature, class, dryRun, wish, method, path, what}
	table = append(table, r)
	return r
}

// Table returns every action, by name.
func Table() []Row {
	out := slices.Clone(table)
	slices.SortFunc(out, func(a, b Row) int { return cmp.Compare(a.name, b.name) })
	return out
}

// ByName returns the row of one action.
func ByName(name string) (Row, error) {
	for _, r := range table {
		if r.name == name {
			return r, nil
		}
	}
	return Row{}, fault.New(fault.NotFound, "there is no action %q", name)
}
