// Package uid gives every VM its own uids, in blocks of four: QEMU, passt, swtpm and virtiofsd.
//
// What lives here: the durable table in <state>/helper/uids.json. What does not: the search for
// processes and files that still use a uid (the caller knows them).
package uid

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// The range of all blocks: 65,536 of them from 0x70000000 on, where no distribution, no systemd and no
// subordinate uid range of shadow puts its own.
const (
	First  uint32 = 0x70000000 // 1879048192
	Block  uint32 = 4
	Blocks uint32 = 1 << 16
)

// The members of a block.
const (
	QEMU  uint32 = 0
	Passt uint32 = 1
	SWTPM uint32 = 2
	FS    uint32 = 3 // every virtiofsd of the VM
)

// Of returns the first uid of the block that a uid belongs to.
func Of(id uint32) uint32 { return id - (id-First)%Block }

const fileName = "uids.json"

// Table is the table. It is not safe for use by several goroutines.
type Table struct {
	dir    *os.File // held open: its owner is root, but the folder above it may be another's
	blocks map[string]uint32
}

type onDisk struct {
	Version int               `json:"version"`
	Blocks  map[string]uint32 `json:"blocks"` // VM's UUID → first uid
}

// Open reads the table in the folder dir, which stays the caller's to close. No file is an empty table.
func Open(dir *os.File) (*Table, error) {
	t := &Table{dir: dir, blocks: map[string]uint32{}}
	fd, err := unix.Openat(int(dir.Fd()), fileName, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", fileName, err)
	}
	file := os.NewFile(uintptr(fd), fileName)
	defer func() { _ = file.Close() }() // read only
	var d onDisk
	if err := json.NewDecoder(file).Decode(&d); err != nil {
		return nil, fmt.Errorf("%s: %w", fileName, err)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", fileName, err)
	}
	if d.Blocks != nil {
		t.blocks = d.Blocks
	}
	return t, nil
}

func (d onDisk) check() error {
	if d.Version != 1 {
		return fmt.Errorf("version %d; this build knows version 1", d.Version)
	}
	owner := map[uint32]string{}
	for vm, first := range d.Blocks {
		if first < First || first-First >= Block*Blocks || Of(first) != first {
			return fmt.Errorf("VM %s: %d does not begin a block", vm, first)
		}
		if other := owner[first]; other != "" {
			return fmt.Errorf("VMs %s and %s share uid %d", min(vm, other), max(vm, other), first)
		}
		owner[first] = vm
	}
	return nil
}

// Claim returns the first uid of the VM's block. A VM keeps its block until Free, unless taken says
// that somebody else uses it now. A new block is on disk before Claim returns.
func (t *Table) Claim(vm string, taken func(first uint32) bool) (uint32, error) {
	if first, ok := t.blocks[vm]; ok && !taken(first) {
		return first, nil
	}
	used := make(map[uint32]bool, len(t.blocks))
	for _, first := range t.blocks {
		used[first] = true
	}
	for i := range Blocks {
		first := First + i*Block
		if used[first] || taken(first) {
			continue
		}
		return first, t.change(func() { t.blocks[vm] = first })
	}
	return 0, fmt.Errorf("all %d blocks of uids are in use", Blocks)
}

// Free gives a VM's block back. The caller has made sure that nothing uses it any more.
func (t *Table) Free(vm string) error {
	if _, ok := t.blocks[vm]; !ok {
		return nil
	}
	return t.change(func() { delete(t.blocks, vm) })
}

// Holds returns the block of a VM.
func (t *Table) Holds(vm string) (first uint32, ok bool) {
	first, ok = t.blocks[vm]
	return first, ok
}

// Owner returns the VM whose block a uid belongs to.
func (t *Table) Owner(id uint32) (string, bool) {
	for vm, first := range t.blocks {
		if id >= first && id-first < Block {
			return vm, true
		}
	}
	return "", false
}

// VMs returns every VM that holds a block, sorted.
func (t *Table) VMs() []string {
	out := make([]string, 0, len(t.blocks))
	for vm := range t.blocks {
		out = append(out, vm)
	}
	slices.Sort(out)
	return out
}

// change alters the table in memory and on disk, or neither.
func (t *Table) change(alter func()) error {
	before := make(map[string]uint32, len(t.blocks))
	for vm, first := range t.blocks {
		before[vm] = first
	}
	alter()
	if err := t.write(); err != nil {
		t.blocks = before
		return err
	}
	return nil
}

// write replaces the file: a new one, synced, renamed over the old one, and the folder synced.
func (t *Table) write() error {
	data, err := json.Marshal(onDisk{Version: 1, Blocks: t.blocks})
	if err != nil {
		return err
	}
	const fresh = fileName + ".new"
	dir := int(t.dir.Fd())
	if err := unix.Unlinkat(dir, fresh, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove old %s: %w", fresh, err)
	}
	fd, err := unix.Openat(dir, fresh, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("create %s: %w", fresh, err)
	}
	file := os.NewFile(uintptr(fd), fresh)
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = unix.Renameat(dir, fresh, dir, fileName)
	}
	if err == nil {
		err = t.dir.Sync()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", fileName, err)
	}
	return nil
}
