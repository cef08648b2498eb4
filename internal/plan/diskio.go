package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The codes of what a disk's cache, aio and discard say about its host, its pool and its data.
const (
	codeUnsafe   = "HV-VM-131" // the guest's flushes are forgotten
	codeAIO      = "HV-VM-132" // QEMU has not this way to read and write, or is not let to
	codeNoDirect = "HV-VM-133" // it is to pass the page cache by, and the pool's file system cannot
	codeNoUnmap  = "HV-VM-134" // room is to be given back, and the pool takes none
	codeDevice   = "HV-VM-135" // a block device through the page cache
	codeNative   = "HV-VM-136" // aio native through the page cache
)

// DiskIO says of every disk of a spec what stands in the way of how it is to be read and written, and what is lost by it.
// Volumes that are missing, and pools that are closed, are left out: of them nothing is known.
func DiskIO(name string, s vm.Spec, volumes map[string]storage.Volume, can map[string]storage.Capabilities, f host.Facts) finding.List {
	var found finding.List
	for _, device := range slices.Sorted(maps.Keys(s.Disks)) {
		d := s.Disks[device]
		if d.DiskIO == (vm.DiskIO{}) {
			continue
		}
		one := diskIO{vm: name, device: device, io: d.DiskIO}
		one.host(s, f)
		if v, there := volumes[device]; there {
			seen := map[string]bool{}
			for _, l := range v.Chain() {
				if c, open := can[l.Pool]; open && !seen[l.Pool] {
					seen[l.Pool] = true
					one.pool(l.Pool, c)
				}
			}
		}
		found = append(found, one.found...)
	}
	return found
}

type diskIO struct {
	vm, device string
	io         vm.DiskIO
	found      finding.List
}

func (d *diskIO) say(s finding.Severity, code, field, remedy, format string, args ...any) {
	d.found = append(d.found, finding.Finding{
		Code: code, Severity: s, Subject: []string{"vm/" + d.vm}, Path: "hypervisor.vms." + d.vm + ".disks." + d.device + "." + field,
		What: fmt.Sprintf("vm %q: disk %s: ", d.vm, d.device) + fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

func (d *diskIO) set(field, value string) string {
	return fmt.Sprintf("hv vm edit %s --set disks.%s.%s=%s", d.vm, d.device, field, value)
}

func (d *diskIO) host(s vm.Spec, f host.Facts) {
	if d.io.Forgets() {
		d.say(finding.Limited, codeUnsafe, "cache", d.set("cache", vm.CacheWriteback),
			"with cache unsafe the guest's flushes do nothing: a crash of the host loses what it wrote, and may leave no file system")
	}
	q := f.QEMUFor(s.Arch)
	switch {
	case d.io.AIO == vm.AIOUring:
		d.say(finding.Refused, codeAIO, "aio", d.set("aio", vm.AIONative)+" with cache none, or threads",
			"no VM has io_uring: in its ring QEMU could ask for what the filter of its system calls keeps from it")
	case d.io.AIO != "" && q.AIO != nil && !slices.Contains(q.AIO, d.io.AIO):
		d.say(finding.Refused, codeAIO, "aio", d.set("aio", vm.AIOThreads), "QEMU %s was built without aio %s", q.Version, d.io.AIO)
	}
}

func (d *diskIO) pool(pool string, can storage.Capabilities) {
	io := d.io.On(can.Block)
	switch {
	case can.Block && !io.Direct():
		d.say(finding.Refused, codeDevice, "cache", d.set("cache", vm.CacheNone),
			"cache %s is not for pool %q, whose volumes are block devices: when the pool is full the page cache loses writes that the guest believes in", io.Cache, pool)
	case io.Direct() && !can.Direct:
		d.say(finding.Refused, codeNoDirect, "cache", d.set("cache", vm.CacheWriteback)+", or hv volume move into another pool",
			"cache %s passes the page cache by (O_DIRECT), which the file system of pool %q cannot", io.Cache, pool)
	case io.AIO == vm.AIONative && !io.Direct():
		d.say(finding.Refused, codeNative, "aio", d.set("cache", vm.CacheNone), "aio native needs cache none or directsync: through the page cache it would wait for each request")
	}
	if can.Discard {
		return
	}
	if io.Discard == vm.DiscardUnmap {
		d.say(finding.Refused, codeNoUnmap, "discard", d.set("discard", vm.DiscardIgnore), "pool %q cannot take room back in the middle of a volume", pool)
	}
	if io.DetectZeroes == vm.ZeroesUnmap {
		d.say(finding.Refused, codeNoUnmap, "detectZeroes", d.set("detectZeroes", vm.ZeroesOn), "pool %q cannot take room back in the middle of a volume", pool)
	}
}

// diskIOAt refuses a start that QEMU would end.
func diskIOAt(in VMInput) (finding.List, error) {
	found := DiskIO(in.Wish.Name, in.Effective, in.Volumes, in.Can, in.Facts)
	if !found.Refuses() {
		return found, nil
	}
	found.Sort()
	return nil, fault.New(fault.Precondition, "cannot start vm %q", in.Wish.Name).Because(finding.Refusal{Findings: found})
}
