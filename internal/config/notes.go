package config

import (
	"maps"
	"slices"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// note is what a Go type cannot say of a key. Ranges and choices stand here for the schema and for
// completion only; who enforces them is the room that knows the subject (model/vm, feature).
type note struct {
	doc      string
	enum     []string // the values there are
	older    []string // values that are still read
	low      int64
	high     int64 // 0: no range
	required bool
	some     []string // of an object: one of these keys is there
	pattern  string   // of a string, or of a map's keys
	most     int      // keys or items; 0: maxKeys or maxItems
}

// listPattern is that of a list of CPUs, or of nodes.
const listPattern = `^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$`

const dnsLabel = `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`

// words turns any named strings into plain ones.
func words[S ~string](in ...S) []string {
	var out []string
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

// features returns the ids of this build's catalogue.
func features() []string {
	var out []string
	for _, f := range catalogue.All() {
		out = append(out, string(f.ID))
	}
	return out
}

// olderNames returns the names that are read with a notice.
func olderNames() []string { return slices.Sorted(maps.Keys(catalogue.Standard().Aliases)) }

func profiles() []string {
	var out []string
	for _, p := range catalogue.Default().Profiles() {
		out = append(out, p.Name)
	}
	return out
}

// notes holds one note a key. * stands for a key of the owner's choice, [] for an item of a list.
// A test proves that every key has its note and every note its key.
var notes = sync.OnceValue(func() map[string]note {
	all := map[string]note{
		"":           {doc: "A host, as its owner declares it for Hyper-NixOS."},
		"hypervisor": {doc: "Everything that Hyper-NixOS reads."},

		"hypervisor.host":             {doc: "The host itself."},
		"hypervisor.host.name":        {doc: "What the host is called in lists and events: a DNS label. Its host name when absent.", pattern: dnsLabel},
		"hypervisor.host.description": {doc: "A few words for people, up to 1024 bytes."},

		"hypervisor.hardening":             {doc: "The hardened phase, which hv phase harden begins. What is declared here is read then, and sealed."},
		"hypervisor.hardening.unlockDelay": {doc: "How long the host stays hardened after it was unlocked with the recovery key: from 1m to 7d, 10m when absent.", pattern: delayPattern},

		"hypervisor.storage":                     {doc: "Where the host keeps volumes."},
		"hypervisor.storage.pools":               {doc: "Pools, by name. default is always there: a folder of the daemon's own, of which only watermarks and retention are declared.", most: maxPools, pattern: dnsLabel},
		"hypervisor.storage.pools.*":             {doc: "One pool. Where it is never changes: its volumes are there."},
		"hypervisor.storage.pools.*.kind":        {doc: "What keeps its volumes: dir (when absent), files in a folder, or lvm-thin, thin logical volumes.", enum: words(storage.PoolKinds()...)},
		"hypervisor.storage.pools.*.path":        {doc: "dir: the folder, absolute and without links. It is the daemon's own; below /srv, /mnt, /media and /data it is made where it is missing.", pattern: `^/.+$`},
		"hypervisor.storage.pools.*.volumeGroup": {doc: "lvm-thin: the volume group.", pattern: lvmPattern},
		"hypervisor.storage.pools.*.thinPool":    {doc: "lvm-thin: the logical volume in it that is the thin pool.", pattern: lvmPattern},
		"hypervisor.storage.pools.*.warnPercent": {doc: "How full it gets before that is told; 80 when absent.", low: 1, high: 100},
		"hypervisor.storage.pools.*.stopPercent": {doc: "How full it gets before nothing new is made in it; 95 when absent.", low: 1, high: 100},
		"hypervisor.storage.pools.*.retention":   {doc: "How long what is deleted lies in the trash: 7d when absent, 0 for no trash.", pattern: `^(0|[0-9]{1,10}[smhd])$`},

		"hypervisor.storage.keys":             {doc: "Keys to encrypt volumes with, by name. What seals one is declared, never its secret. One called default encrypts every new volume that says nothing else.", most: maxDeclaredKeys, pattern: dnsLabel},
		"hypervisor.storage.keys.*":           {doc: "One key. Its kind stays once it has a secret."},
		"hypervisor.storage.keys.*.kind":      {doc: "What seals it: passphrase (when absent), which hv key unlock asks for, systemd-creds, or what a command prints.", enum: words(storage.KeyKinds()...)},
		"hypervisor.storage.keys.*.with":      {doc: "systemd-creds: what it seals with: auto (when absent), host, tpm2 or host+tpm2.", enum: storage.Withs()},
		"hypervisor.storage.keys.*.command":   {doc: "command: a program, absolute, and its arguments, which hvd runs as its own user; it prints between 16 bytes and 4 KiB.", most: storage.MaxKeyCommand},
		"hypervisor.storage.keys.*.command[]": {doc: "One word of it. Everybody may read it: it is no place for a secret."},

		"hypervisor.storage.images":                    {doc: "Where images come from, beside the catalogue."},
		"hypervisor.storage.images.sources":            {doc: "Places that list images, by name: hv image search --source NAME.", most: maxDeclaredSources, pattern: dnsLabel},
		"hypervisor.storage.images.sources.*":          {doc: "One place. What is imported from it is NAME:ITEM."},
		"hypervisor.storage.images.sources.*.kind":     {doc: "How it lists them: index (when absent), a folder with a file of sums or a JSON file, or simplestreams.", enum: words(storage.IndexKinds()...)},
		"hypervisor.storage.images.sources.*.url":      {doc: "Where it is. Everybody may read it: a password in it is refused.", required: true, pattern: `^https?://.+$`},
		"hypervisor.storage.images.sources.*.insecure": {doc: "Whether it and its images may come over plain http; no when absent."},
		"hypervisor.storage.images.sources.*.local":    {doc: "Whether it may be on this host, or on its link; no when absent."},

		"hypervisor.featureManager":                     {doc: "Which features the host offers, and how much risk its owner accepts."},
		"hypervisor.featureManager.profile":             {enum: profiles(), doc: "A named selection of features; balanced when absent. An explicit enabledFeatures beats it. With custom the list has to be written."},
		"hypervisor.featureManager.riskTolerance":       {enum: catalogue.Tolerances(), doc: "The highest risk a feature may have: paranoid up to low, cautious up to moderate, balanced up to high, accepting all. balanced when absent."},
		"hypervisor.featureManager.enabledFeatures":     {most: feature.MaxEntries, doc: "The features to turn on, instead of the profile's. An empty list is core only."},
		"hypervisor.featureManager.enabledFeatures[]":   {doc: "A feature.", enum: features(), older: olderNames()},
		"hypervisor.featureManager.extraFeatures":       {most: feature.MaxEntries, doc: "Features to turn on beside the profile's."},
		"hypervisor.featureManager.extraFeatures[]":     {doc: "A feature.", enum: features(), older: olderNames()},
		"hypervisor.featureManager.disabledFeatures":    {most: feature.MaxEntries, doc: "Features of the profile to leave out."},
		"hypervisor.featureManager.disabledFeatures[]":  {doc: "A feature.", enum: features(), older: olderNames()},
		"hypervisor.featureManager.conflictScope":       {most: feature.MaxEntries, doc: "How far a conflict between two features reaches: conflictScope.A.B = \"host\", \"vm\" or \"operation\". Each narrowing adds a risk, which is told."},
		"hypervisor.featureManager.conflictScope.*":     {most: feature.MaxEntries, doc: "The conflicts of one feature."},
		"hypervisor.featureManager.conflictScope.*.*":   {doc: "host: never both on this host. vm: never both on one VM. operation: one waits for the other.", enum: []string{"host", "vm", "operation"}},
		"hypervisor.featureManager.acknowledgedRisks":   {most: feature.MaxEntries, doc: "Why a high or critical risk is worth it: acknowledgedRisks.FEATURE = \"reason\"."},
		"hypervisor.featureManager.acknowledgedRisks.*": {doc: "The reason, in the owner's words."},
		"hypervisor.vms":                                       {doc: "The VMs of this host, by name. What is declared here is edited here only.", pattern: dnsLabel},
		"hypervisor.vms.*":                                     {doc: "One VM."},
		"hypervisor.vms.*.name":                                {doc: "The VM's name, a DNS label. In a declaration it is the key and may be left out.", pattern: dnsLabel},
		"hypervisor.vms.*.labels":                              {doc: "Labels to select VMs by.", most: 64},
		"hypervisor.vms.*.labels.*":                            {doc: "A label's value: up to 63 letters, digits, '.', '_' and '-'."},
		"hypervisor.vms.*.description":                         {doc: "A few words for people, up to 1024 bytes."},
		"hypervisor.vms.*.uuid":                                {doc: "The UUID the guest sees, in lower case. One is made when absent; it never changes after.", pattern: `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`},
		"hypervisor.vms.*.power":                               {doc: "Whether the VM is to run: on, off (when absent), paused with its vCPUs stopped, or suspended: off, with the memory of what ran kept on disk.", enum: words(vm.On, vm.Off, vm.Paused, vm.Suspended)},
		"hypervisor.vms.*.cpus":                                {doc: "vCPUs; 1 when absent.", low: 1, high: vm.MaxCPUs},
		"hypervisor.vms.*.cpu":                                 {doc: "What the guest sees as its processor."},
		"hypervisor.vms.*.cpu.model":                           {doc: "The CPU model: auto (when absent) is host with KVM and the emulator's best without. host is the host's own and needs KVM; max is all that the accelerator can do; any other is a model of QEMU's, which the guest gets whole or does not start.", pattern: `^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`},
		"hypervisor.vms.*.cpu.features":                        {doc: "CPU flags to show (true) or hide (false), by QEMU's names: avx2 = false. vmx and svm follow nestedVirtualization.", most: vm.MaxCPUFeatures, pattern: `^[a-z0-9][a-z0-9_.-]{0,39}$`},
		"hypervisor.vms.*.cpu.features.*":                      {doc: "Whether the guest is shown the flag."},
		"hypervisor.vms.*.cpu.sockets":                         {doc: "Sockets; 1 when absent. cpus is sockets times cores times threads, and follows from them when it is absent.", low: 1, high: vm.MaxCPUs},
		"hypervisor.vms.*.cpu.cores":                           {doc: "Cores of each socket; as many as cpus asks for when absent.", low: 1, high: vm.MaxCPUs},
		"hypervisor.vms.*.cpu.threads":                         {doc: "Threads of each core; 1 when absent.", low: 1, high: vm.MaxCPUs},
		"hypervisor.vms.*.nestedVirtualization":                {doc: "The guest may run VMs itself. Only where the host's feature nestedVirtualization is on."},
		"hypervisor.vms.*.memoryBacking":                       {doc: "What of the host the memory is; the kernel's own choice when absent."},
		"hypervisor.vms.*.memoryBacking.hugePages":             {doc: "Pages that were set aside on the host, 2MiB or 1GiB each: memory is a multiple of it, and cannot change while the VM runs."},
		"hypervisor.vms.*.memoryBacking.locked":                {doc: "All of the memory is there from the start and never swapped."},
		"hypervisor.vms.*.memoryBacking.hostNodes":             {doc: "The host's NUMA nodes that memory comes from, such as 0-1; any when absent.", pattern: listPattern},
		"hypervisor.vms.*.memoryBacking.policy":                {doc: "How it comes from them: bind (when absent) from nowhere else, preferred from elsewhere too where the node is full, interleave from each in turn.", enum: words(vm.Bind, vm.Preferred, vm.Interleave)},
		"hypervisor.vms.*.numa":                                {doc: "The NUMA nodes that the guest sees, by number from 0; one when absent.", most: vm.MaxNUMANodes, pattern: `^[0-7]$`},
		"hypervisor.vms.*.numa.*":                              {doc: "One node."},
		"hypervisor.vms.*.numa.*.cpus":                         {doc: "Its vCPUs, such as 0-3; an equal part when no node has any.", pattern: listPattern},
		"hypervisor.vms.*.numa.*.memory":                       {doc: "Its memory; an equal part when no node has any."},
		"hypervisor.vms.*.numa.*.hostNodes":                    {doc: "The host's nodes that its memory comes from; those of memoryBacking when absent.", pattern: listPattern},
		"hypervisor.vms.*.pinning":                             {doc: "On which of the host's CPUs the VM's threads run, as lists such as 0-3,8; any when absent. A VM that runs takes it at once."},
		"hypervisor.vms.*.pinning.cpus":                        {doc: "All threads that no other key names.", pattern: listPattern},
		"hypervisor.vms.*.pinning.vcpus":                       {doc: "vCPUs, by number from 0.", most: vm.MaxCPUs, pattern: `^[0-9]{1,4}$`},
		"hypervisor.vms.*.pinning.vcpus.*":                     {doc: "The CPUs of one vCPU.", pattern: listPattern},
		"hypervisor.vms.*.pinning.emulator":                    {doc: "QEMU's own threads beside vCPUs and iothreads.", pattern: listPattern},
		"hypervisor.vms.*.pinning.iothreads":                   {doc: "Iothreads, by the names that disks have for them.", most: vm.MaxIOThreads, pattern: dnsLabel},
		"hypervisor.vms.*.pinning.iothreads.*":                 {doc: "The CPUs of one iothread.", pattern: listPattern},
		"hypervisor.vms.*.pinning.exclusive":                   {doc: "No other VM that says where it runs is to run on these CPUs; where one is, that is told."},
		"hypervisor.vms.*.watchdog":                            {doc: "A timer (i6300esb) that the guest pets once it has armed it; none when absent."},
		"hypervisor.vms.*.watchdog.onExpiry":                   {doc: "What happens to a guest that does not: reset (when absent), poweroff, pause, or none: an event is all.", enum: words(vm.ExpiryReset, vm.ExpiryPowerOff, vm.ExpiryPause, vm.ExpiryNone)},
		"hypervisor.vms.*.graphics":                            {doc: "A screen with keyboard and tablet, for hv vm vnc; none when absent."},
		"hypervisor.vms.*.graphics.device":                     {doc: "The graphics card: vga (when absent on x86_64) for every guest, virtio (on aarch64) or qxl for those with a driver of it, cirrus for old ones; none: no screen.", enum: words(vm.DisplayVGA, vm.DisplayVirtio, vm.DisplayQXL, vm.DisplayCirrus, vm.DisplayNone)},
		"hypervisor.vms.*.tpm":                                 {doc: "A TPM 2.0 of the VM's own, which keeps what the guest seals over restarts; none when absent."},
		"hypervisor.vms.*.tpm.interface":                       {doc: "How the guest speaks to it: crb (when absent on x86_64), or tis (on aarch64).", enum: words(vm.TPMCRB, vm.TPMTIS)},
		"hypervisor.vms.*.memory":                              {doc: "RAM, a multiple of 1MiB; 512MiB when absent.", low: int64(vm.MinMemory), high: int64(vm.MaxMemory)},
		"hypervisor.vms.*.memoryMax":                           {doc: "RAM that the VM may be given while it runs, by an edit of memory: virtio-mem. Both are multiples of 2MiB then. As memory when absent.", low: int64(vm.MinMemory), high: int64(vm.MaxMemory)},
		"hypervisor.vms.*.balloon":                             {doc: "A balloon (virtio-balloon): an edit of memory below what it was started with takes memory back while it runs, and what the guest does not use goes back to the host. There with memoryMax when absent."},
		"hypervisor.vms.*.cpusMax":                             {doc: "vCPUs that the VM may be given while it runs, by an edit of cpus; as many as cpus when absent. sockets, cores and threads lay out these.", low: 1, high: vm.MaxCPUs},
		"hypervisor.vms.*.arch":                                {doc: "The guest's architecture; the host's when absent.", enum: []string{"x86_64", "aarch64"}},
		"hypervisor.vms.*.machine":                             {doc: "The machine's family; q35 on x86_64 and virt on aarch64 when absent. Its version is pinned at first start.", enum: []string{"q35", "pc", "virt"}},
		"hypervisor.vms.*.accelerator":                         {doc: "What executes the guest's instructions. auto (when absent) takes KVM where it was proven and TCG else, and says which.", enum: words(vm.Auto, vm.KVM, vm.TCG)},
		"hypervisor.vms.*.firmware":                            {doc: "What runs first in the guest: bios boots from disks, uefi does too, and keeps its variables over restarts, kernel loads boot.kernel. kernel when boot is there, bios else.", enum: words(vm.BIOS, vm.UEFI, vm.Kernel)},
		"hypervisor.vms.*.secureBoot":                          {doc: "UEFI Secure Boot: the firmware starts only what its vendors' keys have signed. For x86_64 with machine q35; firmware is uefi then. A kernel of boot.kernel is its owner's and is not checked."},
		"hypervisor.vms.*.boot":                                {doc: "A Linux kernel to boot directly, by the names of boot files (hv boot-file list); or in which order the firmware tries devices."},
		"hypervisor.vms.*.boot.kernel":                         {doc: "The boot file with the kernel.", pattern: dnsLabel},
		"hypervisor.vms.*.boot.initrd":                         {doc: "The boot file with the initial RAM disk.", pattern: dnsLabel},
		"hypervisor.vms.*.boot.cmdline":                        {doc: "The kernel's command line, up to 2047 bytes."},
		"hypervisor.vms.*.disks":                               {doc: "The VM's disks, by a device name of your choice, such as root.", most: vm.MaxDisks, pattern: dnsLabel},
		"hypervisor.vms.*.disks.*":                             {doc: "One disk.", some: []string{"volume", "image", "size"}},
		"hypervisor.vms.*.disks.*.volume":                      {doc: "The volume on the disk, by its name (hv volume list), never a path. Where image or size is said it is made with the disk, and called as the VM and the disk when absent.", pattern: dnsLabel},
		"hypervisor.vms.*.disks.*.readOnly":                    {doc: "The guest cannot write to it."},
		"hypervisor.vms.*.disks.*.bootIndex":                   {doc: "Its turn in the order of booting, in one with drives and network cards: 1 first. What has none is not booted from. boot.order says it in one line.", low: 1, high: vm.MaxBootIndex},
		"hypervisor.vms.*.disks.*.iothread":                    {doc: "The thread that serves it, by a name of your choice; disks that name one share it. QEMU's main thread when absent.", pattern: `^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`},
		"hypervisor.vms.*.disks.*.limits":                      {doc: "What it may do in a second; what it can when absent. A VM that runs takes them at once."},
		"hypervisor.vms.*.disks.*.limits.iops":                 {doc: "Requests, read and written.", low: 1, high: vm.MaxRate},
		"hypervisor.vms.*.disks.*.limits.readIops":             {doc: "Requests that read.", low: 1, high: vm.MaxRate},
		"hypervisor.vms.*.disks.*.limits.writeIops":            {doc: "Requests that write.", low: 1, high: vm.MaxRate},
		"hypervisor.vms.*.disks.*.limits.bandwidth":            {doc: "Bytes, read and written."},
		"hypervisor.vms.*.disks.*.limits.readBandwidth":        {doc: "Bytes that are read."},
		"hypervisor.vms.*.disks.*.limits.writeBandwidth":       {doc: "Bytes that are written."},
		"hypervisor.vms.*.disks.*.limits.burst":                {doc: "What it may do for burstSeconds, after it has done less for as long."},
		"hypervisor.vms.*.disks.*.limits.burst.iops":           {doc: "Requests, read and written.", low: 1, high: vm.MaxRate},
		"hypervisor.vms.*.disks.*.limits.burst.readIops":       {doc: "Requests that read.", low: 1, high: vm.MaxRate},
		"hypervisor.vms.*.disks.*.limits.burst.writeIops":      {doc: "Requests that write.", low: 1, high: vm.MaxRate},
		"hypervisor.vms.*.disks.*.limits.burst.bandwidth":      {doc: "Bytes, read and written."},
		"hypervisor.vms.*.disks.*.limits.burst.readBandwidth":  {doc: "Bytes that are read."},
		"hypervisor.vms.*.disks.*.limits.burst.writeBandwidth": {doc: "Bytes that are written."},
		"hypervisor.vms.*.disks.*.limits.burstSeconds":         {doc: "How long a burst may last; 1 when absent.", low: 1, high: vm.MaxBurstSeconds},
		"hypervisor.vms.*.disks.*.serial":                      {doc: "The serial number the guest sees: up to 20 of A-Z a-z 0-9 _ . -", pattern: `^[A-Za-z0-9_.-]{0,20}$`},
		"hypervisor.vms.*.cdroms":                              {doc: "The VM's CD-ROM drives, by a device name of your choice, such as install.", most: vm.MaxCDROMs, pattern: dnsLabel},
		"hypervisor.vms.*.cdroms.*":                            {doc: "One drive."},
		"hypervisor.vms.*.cdroms.*.volume":                     {doc: "The medium: a volume with an ISO image, by its name (hv volume list). Several VMs may read it. The drive is empty when absent.", pattern: dnsLabel},
		"hypervisor.vms.*.cdroms.*.bootIndex":                  {doc: "Its turn in the order of booting, in one with the disks; after them when none has one.", low: 1, high: vm.MaxBootIndex},
		"hypervisor.vms.*.nics":                                {doc: "The VM's network cards, by a device name of your choice, such as lan.", most: vm.MaxNICs, pattern: dnsLabel},
		"hypervisor.vms.*.nics.*":                              {doc: "One network card."},
		"hypervisor.vms.*.nics.*.network":                      {doc: "The network it is on. user (when absent) reaches out by NAT and needs nothing set up.", enum: []string{vm.UserNetwork}},
		"hypervisor.vms.*.nics.*.link":                         {doc: "down pulls its cable; a VM that runs takes it at once. up when absent.", enum: []string{"up", vm.LinkDown}},
		"hypervisor.vms.*.nics.*.mac":                          {doc: "Its address, in lower case with colons. Made from the VM's UUID and the card's name when absent.", pattern: `^[0-9a-f]{2}(:[0-9a-f]{2}){5}$`},
		"hypervisor.vms.*.serial":                              {doc: "A serial console, for hv vm console; there when absent."},
		"hypervisor.vms.*.rng":                                 {doc: "A random number generator; there when absent."},
		"hypervisor.vms.*.agent":                               {doc: "A port for qemu-guest-agent, for hv vm exec and what the guest says of itself; there when absent."},
		"hypervisor.vms.*.generationID":                        {doc: "A UUID that tells a guest (x86) which copy of itself it is; made from the uuid when absent."},
		"hypervisor.vms.*.autostart":                           {doc: "Start the VM again after a reboot of the host, if it was on."},
		"hypervisor.vms.*.startup":                             {doc: "The VM's place among those that start again with the host, and in reverse among those that stop with it."},
		"hypervisor.vms.*.startup.order":                       {doc: "Lower ones start first; those without one come last.", low: 1, high: vm.MaxOrder},
		"hypervisor.vms.*.startup.delay":                       {doc: "Seconds that those after it wait once it runs.", low: 1, high: vm.MaxDelay},
		"hypervisor.vms.*.startup.after":                       {doc: "VMs that run before it starts. What others start after starts early itself; one that does not come up is told, and waited for no longer.", most: vm.MaxAfter},
		"hypervisor.vms.*.startup.onHostStop":                  {doc: "When the host goes down (hv host stop-vms): its guest is asked to power off (stop, when absent), or it is suspended to disk (suspend), and with autostart goes on with the next boot. One that cannot be suspended is stopped.", enum: words(vm.HostStopStop, vm.HostStopSuspend)},
		"hypervisor.vms.*.startup.after[]":                     {doc: "A VM, by its name.", pattern: dnsLabel},
		"hypervisor.vms.*.snapshots":                           {doc: "Snapshots of the VM that are taken by themselves; none when absent. Only where the host's feature snapshots is on."},
		"hypervisor.vms.*.snapshots.every":                     {doc: "How often.", required: true, enum: words(vm.Hourly, vm.Daily, vm.Weekly, vm.Monthly, vm.Yearly)},
		"hypervisor.vms.*.snapshots.at":                        {doc: "When, by the host's clock: HH:MM, or HH:MM:SS; with hourly :MM, or :MM:SS. Midnight, or the full hour, when absent."},
		"hypervisor.vms.*.snapshots.weekday":                   {doc: "With weekly, the day; sunday when absent.", enum: words(vm.Weekdays...)},
		"hypervisor.vms.*.snapshots.whileOff":                  {doc: "Also while the VM does not run."},
		"hypervisor.vms.*.snapshots.quiesce":                   {doc: "Whether the guest writes out first what it holds back: auto (when absent), yes or no.", enum: words(vm.QuiesceAuto, vm.QuiesceYes, vm.QuiesceNo)},
		"hypervisor.vms.*.snapshots.keep":                      {doc: "Which of them stay; the last seven when absent. What any of these keeps stays, and no more than 28 in all."},
		"hypervisor.vms.*.snapshots.keep.last":                 {doc: "The last ones.", low: 1, high: vm.MaxKeep},
		"hypervisor.vms.*.snapshots.keep.hourly":               {doc: "The last of each of so many hours that have one.", low: 1, high: vm.MaxKeep},
		"hypervisor.vms.*.snapshots.keep.daily":                {doc: "The last of each of so many days that have one.", low: 1, high: vm.MaxKeep},
		"hypervisor.vms.*.snapshots.keep.weekly":               {doc: "The last of each of so many weeks that have one.", low: 1, high: vm.MaxKeep},
		"hypervisor.vms.*.snapshots.keep.monthly":              {doc: "The last of each of so many months that have one.", low: 1, high: vm.MaxKeep},
		"hypervisor.vms.*.snapshots.keep.yearly":               {doc: "The last of each of so many years that have one.", low: 1, high: vm.MaxKeep},
		"hypervisor.vms.*.stopTimeout":                         {doc: "Seconds that the guest gets to power itself off; 60 when absent.", low: 1, high: vm.MaxStopSecond},
		"hypervisor.vms.*.onPowerOff":                          {doc: "What follows when the guest powers itself off: stop (when absent), or restart, later each time.", enum: words(vm.AfterStop, vm.AfterRestart)},
		"hypervisor.vms.*.onReboot":                            {doc: "What follows when the guest resets itself, a triple fault included: restart (when absent) lets it, stop ends it.", enum: words(vm.AfterRestart, vm.AfterStop)},
		"hypervisor.vms.*.onCrash":                             {doc: "What follows when the guest panics, or its QEMU dies: stop (when absent), restart, later each time, or preserve what is left of it.", enum: words(vm.AfterStop, vm.AfterRestart, vm.AfterPreserve)},

		"hypervisor.vms.*.cloudInit":               {doc: "What a guest with cloud-init makes of itself at its first boot; nothing when absent."},
		"hypervisor.vms.*.cloudInit.hostname":      {doc: "The guest's name; the VM's when absent."},
		"hypervisor.vms.*.cloudInit.user":          {doc: "An account that may become root; the image's own when absent."},
		"hypervisor.vms.*.cloudInit.sshKeys":       {doc: "Public keys of that account, as in authorized_keys."},
		"hypervisor.vms.*.cloudInit.sshKeys[]":     {doc: "One public key."},
		"hypervisor.vms.*.cloudInit.packages[]":    {doc: "One package."},
		"hypervisor.vms.*.cloudInit.runcmd[]":      {doc: "One line."},
		"hypervisor.vms.*.cloudInit.passwordHash":  {doc: "That account's password, as mkpasswd prints it. It stands in the declaration: a key is better."},
		"hypervisor.vms.*.cloudInit.packages":      {doc: "Packages to be installed."},
		"hypervisor.vms.*.cloudInit.runcmd":        {doc: "Lines for sh, at the end of the first boot."},
		"hypervisor.vms.*.cloudInit.userData":      {doc: "All of it by hand, instead: #cloud-config, a script, or MIME."},
		"hypervisor.vms.*.cloudInit.vendorData":    {doc: "The same, which user data overrides."},
		"hypervisor.vms.*.cloudInit.networkConfig": {doc: "The network, version 2, as YAML; DHCP on all cards when absent."},
		"hypervisor.vms.*.cloudInit.instance":      {doc: "Counted up, the guest configures itself anew at its next boot."},
		"hypervisor.vms.*.cloudInit.unchecked":     {doc: "Let through what cloud-init's schema refuses: the image may have a newer one."},
	}
	maps.Copy(all, deviceNotes())
	maps.Copy(all, busNotes())
	return all
})
