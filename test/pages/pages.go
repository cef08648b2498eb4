// Package pages holds what the product says about itself to the product: README.md and docs/ for users.
//
// What lives here: what the codes of errors and findings mean (docs/codes.md is made from it), and tests that every
// code, command, flag and link on a page exists. What does not: the pages themselves.
package pages

// Code says what one code means, in a user's words, and what helps.
type Code struct {
	Code  string
	Means string
	Helps string
}

// Family is the codes of one part of the product.
type Family struct {
	Name  string // of the codes: HV-<Name>-001
	About string
	Codes []Code
}

// Families are all codes but those of features, which are documented where they are made. A code that is in
// no source, or in a source and not here, fails a test.
var Families = []Family{api, reach, chosen, rights, phases, declaring, applying, hosts, vms, volumes, snapshots, pools, shares, keys, images, appliances, machine, guests, keeping, auditing}

var api = Family{"API", "What went wrong between a program and the daemon.", []Code{
	{"HV-API-001", "a parameter or a body does not fit its schema", "the problem names the field; docs/declaration.schema.json and the OpenAPI description have its shape"},
	{"HV-API-002", "nobody knows who is calling", "call over the unix socket"},
	{"HV-API-003", "`If-Match` names a revision that stands no more: somebody else changed the object", "read it again, then change it"},
	{"HV-API-004", "events cannot be followed from that revision any more", "list again and follow from there"},
	{"HV-API-005", "a body or a header beyond its bound", "send less"},
	{"HV-API-006", "an import without `Content-Length`", "say the length"},
	{"HV-API-007", "there is no such path, or no such method there", "the paths are in [actions.md](actions.md)"},
	{"HV-API-008", "a console was asked for without `Upgrade: hv-console`", "`hv vm console NAME`"},
	{"HV-API-009", "a mistake of the daemon's", "its log has it under the request's ID (`-v`); please report it"},
	{"HV-API-010", "a body is not what its type says", "send the type that the request names"},
	{"HV-API-011", "the daemon is going down", "ask again in a moment"},
	{"HV-API-012", "`Accept` or `Content-Type` is one that this path does not speak", "JSON, nearly everywhere"},
	{"HV-API-013", "more streams at once than one daemon serves, or more connections than one user may have", "close some: `hv events`, `hv vm console`"},
}}

var reach = Family{"NET", "What went wrong before anybody answered.", []Code{
	{"HV-NET-001", "no daemon listens", "`make run`, or start hvd; see [exit code 4](when-something-fails.md#exit-codes)"},
	{"HV-NET-002", "the socket does not let this user in", "join the group `hypervisor`, then log in again"},
	{"HV-NET-003", "the connection broke while a request was under way; what was asked may have been done", "`hv operation list`"},
	{"HV-NET-004", "something listens that does not speak this API", "look at what `HV_HOST` names"},
	{"HV-NET-005", "a host over SSH, and no `ssh` on this machine", "`apt-get install openssh-client`"},
	{"HV-NET-006", "`ssh` does not reach the host", "the message is ssh's own; try `ssh HOST true`"},
	{"HV-NET-007", "`ssh` is not let in, or does not know the host's key", "`ssh HOST true` must work first"},
	{"HV-NET-008", "`ssh` is let in, and finds no `hv` there", "install the product there, `hv` in the PATH that ssh has"},
}}

var chosen = Family{"CLI", "Which daemon `hv` is to speak to.", []Code{
	{"HV-CLI-001", "several daemons run on this host, and none was named", "`export HV_HOST=unix://…`: they are listed"},
	{"HV-CLI-002", "`HV_HOST` names no way to a host", "`export HV_HOST=unix:///path/of/api.sock`, or `ssh://user@host`"},
}}

var rights = Family{"AUTH", "What may not be done.", []Code{
	{"HV-AUTH-001", "only root may do that", "`sudo`"},
	{"HV-AUTH-002", "the feature that it needs is off", "turn it on in the declaration; the finding says what keeps it off"},
}}

var declaring = Family{"DECL", "What is wrong with a file. Each has its line and column.", []Code{
	{"HV-DECL-001", "the file cannot be parsed or evaluated", "the caret points at the place"},
	{"HV-DECL-002", "a key that does not exist", "the nearest ones that do are named"},
	{"HV-DECL-003", "a value of another type than the key takes", "the type is named"},
	{"HV-DECL-004", "a key is written twice", "keep one"},
	{"HV-DECL-005", "the file, or something in it, is too large, too deep, too many or too long", "the bound is named"},
	{"HV-DECL-006", "a VM's `name` contradicts the key it stands under", "leave `name` out"},
	{"HV-DECL-011", "`hypervisor.host.name` is no name", "1 to 63 of a-z, 0-9 and -"},
	{"HV-DECL-012", "`hypervisor.host.description` is too long", "shorten it"},
	{"HV-DECL-013", "`hypervisor.hardening.unlockDelay`, for which an unlock of a hardened host is held back, is no duration, or not one from 1m to 7d", "`hypervisor.hardening.unlockDelay = \"10m\";`"},
	{"HV-DECL-014", "a pool in `hypervisor.storage.pools` cannot be one; the message says why", "write what the message names otherwise"},
}}

var applying = Family{"CFG", "What stands in the way of a declaration.", []Code{
	{"HV-CFG-001", "this host's declaration is a file of its own, applied at boot", "change that file"},
	{"HV-CFG-002", "a declared VM has the name of one that was made by hand", "declare it under another name, or delete the other"},
	{"HV-CFG-003", "another declaration is being applied", "wait for it, then apply again"},
	{"HV-CFG-004", "a declared VM is just being deleted", "`hv vm wait NAME --for deleted`, then apply again"},
	{"HV-CFG-005", "the file that is this host's declaration was refused, or cannot be read: what stood before stands on", "`hv config check FILE`, mend it, restart hvd"},
	{"HV-CFG-006", "what would follow has changed since the plan that was looked at", "look at the plan again, then apply"},
	{"HV-CFG-007", "that generation of the declaration is not kept", "`hv config history` lists those that are"},
	{"HV-CFG-008", "a declared VM has another UUID than the one that exists", "leave `uuid` out"},
	{"HV-CFG-009", "a declared VM takes a volume, an address or a UUID that another VM holds, and will hold", "declare another one, or take it from the other first"},
	{"HV-CFG-013", "a volume that a declared disk wishes made of an image cannot be made, or another of its name is there", "what the finding says: import the image, or name the volume alone to take it as it is"},
	{"HV-CFG-014", "a declared disk is smaller than its volume, which stays as large", "declare the size that it has"},
}}

var hosts = Family{"HOST", "What limits a host. `hv host` lists them.", []Code{
	{"HV-HOST-001", "KVM does not work: VMs run by emulation, many times slower", "the finding's remedy: VT-x or AMD-V in the firmware, a kernel module, or, where the host is a VM itself, nested virtualization in the hypervisor above; `hv host check` says it in the same words"},
	{"HV-HOST-002", "there is no usable QEMU", "install it; 7.2 is the oldest that is used"},
	{"HV-HOST-003", "limits of memory, CPU and processes are not enforced", "boot with `systemd.unified_cgroup_hierarchy=1`"},
	{"HV-HOST-004", "passt is missing: network cards have no network", "`apt-get install passt`"},
	{"HV-HOST-005", "the kernel has no landlock: a VM's process is held by its namespaces and seccomp alone", "a kernel with `CONFIG_SECURITY_LANDLOCK`, and landlock in its parameter `lsm=`"},
	{"HV-HOST-006", "a VM runs that is not known here: the store was put back to a state from before it", "make a VM with its UUID, and it is taken up; or end its process"},
	{"HV-HOST-007", "the host can less than before: something was taken out, turned off or has lost its driver", "the finding's remedy; what was taken away on purpose is forgotten at the next boot"},
}}

var volumes = Family{"VOL", "Volumes.", []Code{
	{"HV-VOL-001", "there is no such volume", "`hv volume list`"},
	{"HV-VOL-002", "a volume of that name exists", "choose another name"},
	{"HV-VOL-003", "the volume belongs to a VM", "use another one, attach it read-only to both, or delete that VM; see [storage.md](storage.md#who-uses-a-volume)"},
	{"HV-VOL-004", "the volume's file is gone from its pool", "put it back, or delete the volume"},
	{"HV-VOL-005", "an image that is not taken: not the format that was said, or with a part that is not safe to open", "the message says what; `qemu-img convert` makes one that is taken"},
	{"HV-VOL-006", "a volume is not made smaller: what its guest has written there would be lost", "make a smaller one, attach both, and copy inside the guest; see [storage.md](storage.md#make-one-larger)"},
	{"HV-VOL-007", "a volume cannot grow now: a VM that is suspended has it, or one that runs and reads it", "start the suspended VM, or stop the one that reads it; it is named"},
	{"HV-VOL-008", "there is no such volume in the trash, or its time is over", "`hv volume trash list`"},
	{"HV-VOL-009", "a volume is being copied or moved", "wait for that operation, or `hv operation cancel` it"},
	{"HV-VOL-010", "a copy is not what it was made of", "`dmesg` says whether a disk fails; then try again"},
	{"HV-VOL-021", "a storage backend that cannot do what it is asked for: a VM's disks on S3", "the finding names the backends that can"},
	{"HV-VOL-022", "a storage backend that does it with a limit", "the finding says what is lost, and how to live with it"},
	{"HV-VOL-030", "a volume has as many layers as it may have", "delete a snapshot"},
	{"HV-VOL-031", "a pool that cannot keep layers which stand on others", "keep the volume in a pool of kind dir"},
	{"HV-VOL-032", "a linked clone of a volume that is written to, or a copy of one that a VM begins or ends to use", "the message names the VM: stop it, or wait"},
	{"HV-VOL-033", "the VM has ended while its QEMU copied its disk: the volume is where it was, and a clone is not made", "ask again: of a VM that is off hvd makes the copy"},
	{"HV-VOL-034", "QEMU copied a disk and did not change over to the copy: the volume is where it was", "`hv vm logs NAME --log qemu`; then ask again"},
	{"HV-VOL-035", "of what moment a clone is that was made while a VM ran: with its file systems frozen, or as after a power cut", "run qemu-guest-agent in the guest"},
	{"HV-VOL-036", "a volume that a VM writes to is not exported", "`hv volume clone NAME COPY` makes a copy of one moment under the VM; export that"},
	{"HV-VOL-037", "a check has found a volume's file damaged", "`hv volume check NAME --repair`, or go back to a snapshot or a backup"},
}}

var machine = Family{"MACH", "What keeps a VM's machine from being built. From 101 on the host is to be changed, before that the VM.", []Code{
	{"HV-MACH-001", "the spec is not well formed", "the path is named"},
	{"HV-MACH-002", "the machine has no such firmware", "UEFI, or boot a kernel directly"},
	{"HV-MACH-003", "a disk's volume does not exist, or has an unknown format", "`hv volume list`"},
	{"HV-MACH-004", "a kernel command line that cannot be passed on", "the message says what is in it"},
	{"HV-MACH-005", "more disks and network cards than the machine has slots", "fewer, or machine q35"},
	{"HV-MACH-006", "more vCPUs than the machine takes", "the number is named"},
	{"HV-MACH-007", "a CPU model or flag that this QEMU has not, or cannot show the guest", "the message names it; `hv host -o json` lists what there is"},
	{"HV-MACH-101", "there is no usable QEMU for the architecture", "install it"},
	{"HV-MACH-102", "QEMU does not have the machine type", "a newer QEMU, or another machine family: the guest then sees other hardware"},
}}

var keeping = Family{"STORE", "The store, which holds what is wished on a host; see [store-and-audit.md](store-and-audit.md).", []Code{
	{"HV-STORE-001", "the store is damaged, or lost: hvd does not start, and touches nothing", "`sudo hv store check`, then `sudo hv store restore`"},
	{"HV-STORE-002", "a newer version of the program wrote the store: hvd does not start, and touches nothing", "run the newer version, or go back to a snapshot of this one's"},
	{"HV-STORE-003", "another process has the store open", "stop hvd first: VMs run on"},
	{"HV-STORE-004", "no room for the store, or for a snapshot of it", "free some space on that disk"},
	{"HV-STORE-005", "a snapshot that does not exist, or is damaged", "`sudo hv store list`"},
	{"HV-STORE-006", "the disk of the state folder has little room", "free some"},
	{"HV-STORE-007", "the store is near the most that it may have", "delete what nobody needs"},
	{"HV-STORE-008", "no snapshot of the store could be taken", "the finding says why; `sudo hv store snapshot` tries it"},
	{"HV-STORE-009", "the store was put back from a snapshot since hvd was last started", "look at `hv vm list`; a restart of hvd ends the message"},
	{"HV-STORE-010", "the key beside the store does not open the secrets in it: hvd does not start, and touches nothing", "put `store.key` back; where there is no copy of it: `sudo hv store forget-secrets`"},
}}

var auditing = Family{"AUDIT", "The audit log; see [store-and-audit.md](store-and-audit.md#is-the-audit-log-whole).", []Code{
	{"HV-AUDIT-001", "the audit log is damaged: hvd does not start, and appends nothing to it", "`sudo hv audit verify` says what is wrong; keep the folder, and move it away to begin a new log"},
	{"HV-AUDIT-002", "no room for the audit log: what it cannot record is not done", "free some space on that disk"},
	{"HV-AUDIT-003", "a proof that cannot be made, or does not hold", "`sudo hv audit verify` for the log; the right public key for the proof"},
	{"HV-AUDIT-004", "another process has the audit log open", "stop that one first"},
}}
