// Package launch starts a program without privileges: the helper clones itself into new namespaces,
// the copy (the shim) builds the jail around itself, gives away every privilege and becomes the program.
//
// What lives here: both sides of that, and the pipe between them. What does not: what is launched and
// for whom (package helper).
//
// The shim does nothing before it was told to go on: whoever starts it can first write down that it
// exists. When the helper dies before, the shim reads the end of its order and ends, too.
package launch

// Order is what the shim is told, as JSON over the pipe that it inherits.
type Order struct {
	Program string   `json:"program"` // absolute path, in the jail where there is one
	Args    []string `json:"args"`    // with the program's name first
	UID     uint32   `json:"uid"`     // also the gid: each VM is alone in its group
	Files   int      `json:"files"`   // descriptors 3 … 3+Files-1 belong to the program
	Jail    *Jail    `json:"jail,omitempty"`
	Limits  Limits   `json:"limits"`
	// Root: the program is root of a user namespace of its own, in which there is nobody but UID; the shim stays as its
	// parent and ends with it. It needs a jail.
	Root bool `json:"root,omitempty"`
}

// Jail is the root file system that the program gets. Without one it sees the host's.
type Jail struct {
	Mount string `json:"mount"`         // an empty folder of root's to build it on
	KVM   bool   `json:"kvm,omitempty"` // with /dev/kvm, which belongs to the program's uid
	// Folder is one of the host's in which the program keeps files: FolderInJail. Its group may use what is made there.
	Folder *Folder `json:"folder,omitempty"`
}

// Limits are resource limits (setrlimit(2)). Zero leaves what the helper has; more than the helper may
// give becomes what it may.
type Limits struct {
	Files     uint64 `json:"files,omitempty"`     // RLIMIT_NOFILE
	Processes uint64 `json:"processes,omitempty"` // RLIMIT_NPROC: threads of this uid
	Locked    uint64 `json:"locked,omitempty"`    // RLIMIT_MEMLOCK
	FileBytes uint64 `json:"fileBytes,omitempty"` // RLIMIT_FSIZE; beyond it writing fails, without a signal
}

// FirstFile is the descriptor that the first of the program's files has.
const FirstFile = 3
