// Package privilege holds hv-helper's typed requests and replies, and the client that hvd speaks
// to it with. hv-helper is the only program with privileges; what it may be asked is this list.
//
// What does not live here: what the verbs do (internal/helper). No request carries a path of the
// host's, and none carries text for another program to interpret: file descriptors travel beside
// the message (SCM_RIGHTS), and programs are named by what they are.
package privilege

import "encoding/json"

// Verb is one thing that hv-helper can be asked.
type Verb string

// The verbs.
const (
	VerbHello   Verb = "hello"   // Hello → HelloReply
	VerbListen  Verb = "listen"  // Listen → the API's listening socket as fd
	VerbLaunch  Verb = "launch"  // Launch (+ fds) → LaunchReply, the process' pidfd as fd
	VerbList    Verb = "list"    // List → ListReply: what runs, and what is left of what ran
	VerbAttach  Verb = "attach"  // Attach → a pidfd of a running VM as fd
	VerbKill    Verb = "kill"    // Kill → nothing; the pidfd says when it is gone
	VerbCleanup Verb = "cleanup" // Cleanup → nothing: passt, cgroup, sockets of a VM that is gone
	VerbForget  Verb = "forget"  // Forget → nothing: and its uids, for a VM that was deleted
	VerbUplink  Verb = "uplink"  // Uplink → nothing: (re)starts passt for one NIC of a running VM, or cuts it off
	VerbSocket  Verb = "socket"  // Uplink → a listening socket for one more NIC of a running VM as fd
	VerbPin     Verb = "pin"     // Pin → nothing: on which CPUs the threads of a running VM's QEMU run
	VerbUsage   Verb = "usage"   // Usage → UsageReply, for up to 256 VMs at once
	VerbThreads Verb = "threads" // Threads → ThreadsReply: QEMU's thread ids as the host knows them
	VerbKVM     Verb = "kvm"     // KVM → KVMReply: the verdict of the probe VM, kept for this boot
)

// Bounds of the wire. One message is one SOCK_SEQPACKET datagram of JSON.
const (
	MaxMessage = 128 << 10
	MaxFiles   = 240  // file descriptors beside one message; the kernel's SCM_MAX_FD is 253
	MaxArgs    = 2048 // a disk has eight
	MaxUsage   = 256  // VMs in one usage call
)

// Request is what travels to hv-helper. Body is the verb's own request.
type Request struct {
	Verb Verb `json:"verb"`
	Body any  `json:"body,omitempty"`
}

// Answer is what travels back: a failure, or the verb's own reply.
type Answer struct {
	Failure *Failure        `json:"failure,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

// Hello asks for nothing in particular, and so do Listen and KVM.
type Hello struct{}

// Listen is the body of listen.
type Listen struct{}

// KVM is the body of kvm.
type KVM struct{}

// Failure is a refusal as it travels back.
type Failure struct {
	Kind string `json:"kind"` // a fault kind, in words
	Code string `json:"code,omitempty"`
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}

// HelloReply says who answers.
type HelloReply struct {
	Version    string    `json:"version"`
	RunFolder  string    `json:"runFolder"` // /run/hv/<8 hex>: sockets stand below it
	BootID     string    `json:"bootID"`
	Cgroup     Cgroup    `json:"cgroup"`
	Programs   []Program `json:"programs"` // QEMU per arch, passt: what may be launched
	FirstUID   uint32    `json:"firstUID"`
	Landlock   int       `json:"landlock"`             // its version in this kernel; 0: none
	Compromise []string  `json:"compromise,omitempty"` // isolation that this host lacks, in words
}

// Program is one program that hv-helper would start.
type Program struct {
	Name string `json:"name"` // qemu-x86_64, qemu-aarch64, passt
	Path string `json:"path"`
}

// Cgroup says whether a VM's limits hold on this host.
type Cgroup struct {
	Mode        string   `json:"mode"` // v2, hybrid, v1, none
	Controllers []string `json:"controllers,omitempty"`
	Enforced    bool     `json:"enforced"`
	Why         string   `json:"why,omitempty"`
}

// TPMSocket is the name of QEMU's connection to its swtpm.
const TPMSocket = "tpm"

// TPMFolder is where below the state folder a VM's TPM keeps its state. hvd makes it, and hv-helper gives it to swtpm.
func TPMFolder(vm string) string { return "nvram/" + vm + ".tpm" }

// StderrFile is the name of the file that becomes QEMU's stdout and stderr; it has no other number.
const StderrFile = "stderr"

// Launch asks for one VM's process. Args is QEMU's command line after the program's name, as data;
// the token {fd:NAME} in it becomes the number that file or socket NAME has in QEMU. The helper
// itself adds -sandbox on,… and refuses options that fork, drop privileges or read configuration.
type Launch struct {
	VM      string   `json:"vm"`   // UUID
	Name    string   `json:"name"` // DNS label, for people who read ps and cgroup trees
	Arch    string   `json:"arch"` // x86_64 | aarch64: chooses the program
	Args    []string `json:"args"`
	Files   []string `json:"files,omitempty"`   // names of the fds sent beside this message, in order; "stderr" becomes QEMU's stdout and stderr
	Sockets []string `json:"sockets,omitempty"` // listening unix sockets that the helper makes: "qmp", "serial0", "net-lan"
	Uplinks []Uplink `json:"uplinks,omitempty"` // a passt for each NIC with user networking
	KVM     bool     `json:"kvm,omitempty"`     // /dev/kvm in the jail
	TPM     bool     `json:"tpm,omitempty"`     // a swtpm on the folder TPMFolder, and a connection to it: TPMSocket
	Shares  []Share  `json:"shares,omitempty"`  // a virtiofsd for each, and a connection to it: ShareSocket
	Vsock   bool     `json:"vsock,omitempty"`   // /dev/vhost-vsock: VsockFile
	Limits  Limits   `json:"limits"`
}

// Uplink is one NIC's user networking: passt is connected to the VM's socket of this name.
type Uplink struct {
	VM     string `json:"vm,omitempty"`  // UUID; not in a launch
	Socket string `json:"socket"`        // "net-lan"
	Cut    bool   `json:"cut,omitempty"` // of the verb uplink alone: the VM has the NIC no more, passt and socket go
}

// Pin says on which CPUs a VM's threads run, as lists such as "0-3,8"; an empty one is any. Threads are by the ids that
// QEMU tells over QMP.
type Pin struct {
	VM      string         `json:"vm"`
	Rest    string         `json:"rest,omitempty"` // those that are not in Threads
	Threads map[int]string `json:"threads,omitempty"`
}

// NICSocket begins the name of each socket that a network card listens on. Others are made with their
// VM, and by nobody later.
const NICSocket = "net-"

// Limits are what a VM's cgroup allows, where the host has cgroup v2. Zero means no limit.
type Limits struct {
	MemoryBytes int64 `json:"memoryBytes,omitempty"` // of QEMU as a whole: guest memory and overhead
	CPUs        int   `json:"cpus,omitempty"`        // cpu.max, in whole CPUs
	Pids        int   `json:"pids,omitempty"`
	LockMemory  bool  `json:"lockMemory,omitempty"` // it may lock all of its memory
}

// LaunchReply says what was started. Its pidfd travels beside it.
type LaunchReply struct {
	Running
	Cgroup Cgroup `json:"cgroup"`
	Micros Micros `json:"micros"`
}

// Micros is where the time of a launch went, in microseconds.
type Micros struct {
	Prepare int64 `json:"prepare"` // uid, cgroup, sockets, uplinks
	Clone   int64 `json:"clone"`   // until the shim's process exists
	Shim    int64 `json:"shim"`    // until QEMU's exec
}

// Running is one VM's process.
type Running struct {
	VM        string            `json:"vm"`
	Name      string            `json:"name"`
	PID       int               `json:"pid"` // in the host's pid namespace
	StartTime uint64            `json:"startTime"`
	BootID    string            `json:"bootID"`
	UID       uint32            `json:"uid"`
	Sockets   map[string]string `json:"sockets"` // name → path below the run folder
	Program   string            `json:"program"`
	Alive     bool              `json:"alive"`
	Exit      string            `json:"exit,omitempty"`    // "exit status 1", "signal: killed"; only its parent knows it
	Uplinks   map[string]bool   `json:"uplinks,omitempty"` // socket → its passt lives
	// UplinkWhy says for an uplink that does not live how its passt ended. A VM starts without it.
	UplinkWhy map[string]string `json:"uplinkWhy,omitempty"`
	Shares    map[string]bool   `json:"shares,omitempty"` // tag → its virtiofsd lives
}

// List asks for the VMs whose UUIDs come after one, as many as fit into a message.
type List struct {
	After string `json:"after,omitempty"`
}

// ListReply is every VM the helper knows of, running or not cleaned up yet.
type ListReply struct {
	VMs  []Running `json:"vms"`
	Next string    `json:"next,omitempty"` // ask again after this one; empty at the end
	// Strays are processes that ran with a VM's uid and belonged to no record, in words. They were
	// ended when hv-helper started. On the first page only.
	Strays []string `json:"strays,omitempty"`
}

// ByVM is the body of attach, cleanup, forget and threads.
type ByVM struct {
	VM string `json:"vm"`
}

// Kill is the body of kill. The helper knows the process; a pid never travels.
type Kill struct {
	VM     string `json:"vm"`
	Signal string `json:"signal"` // SignalTerm | SignalKill
}

// The signals that a VM may be sent.
const (
	SignalTerm = "TERM"
	SignalKill = "KILL"
)

// Usage asks for what VMs use.
type Usage struct {
	VMs []string `json:"vms"`
	PSS bool     `json:"pss,omitempty"` // also PSSBytes, which walks the VM's page tables: for people who look, not for sampling
}

// UsageReply is in the order asked; a VM that is gone is left out.
type UsageReply struct {
	VMs []VMUsage `json:"vms"`
}

// VMUsage is what one VM's QEMU has used.
type VMUsage struct {
	VM         string `json:"vm"`
	CPUMicros  int64  `json:"cpuMicros"` // user and system, since its start
	RSSBytes   int64  `json:"rssBytes"`
	PSSBytes   int64  `json:"pssBytes,omitempty"`
	ReadBytes  int64  `json:"readBytes"`  // from storage
	WriteBytes int64  `json:"writeBytes"` // to storage
	Threads    int    `json:"threads"`
}

// ThreadsReply maps QEMU's own thread ids, which are those of its pid namespace, to the host's.
type ThreadsReply struct {
	Host map[int]int `json:"host"`
}

// KVMReply is the probe VM's verdict.
type KVMReply struct {
	OK  bool   `json:"ok"`
	Why string `json:"why"` // also when OK: how it was shown
	// Device is /dev/kvm as the host has it: hvd's own /dev has none. Absent: there is none.
	Device *KVMDevice `json:"device,omitempty"`
}

// KVMDevice says who may open /dev/kvm.
type KVMDevice struct {
	Mode uint32 `json:"mode"` // permissions alone: 0660
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
}
