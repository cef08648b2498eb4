package vm

import (
	"fmt"
	"slices"
)

// DiskIO says how QEMU reads and writes what a disk is kept in.
type DiskIO struct {
	Cache        string `json:"cache,omitempty"`        // none | writeback | writethrough | directsync | unsafe; writeback when absent, none on a block device
	AIO          string `json:"aio,omitempty"`          // threads | native; threads when absent. io_uring is a word, and refused
	Discard      string `json:"discard,omitempty"`      // unmap | ignore what the guest discards; unmap when absent
	DetectZeroes string `json:"detectZeroes,omitempty"` // off | on | unmap: zeros that the guest writes; off when absent
}

// How the host caches what a disk reads and writes. Source: qemu(1), -drive cache=.
const (
	CacheNone         = "none"         // past the host's page cache; the guest's flushes reach the disk
	CacheWriteback    = "writeback"    // through it; the guest's flushes reach the disk
	CacheWritethrough = "writethrough" // through it, and each write is on the disk before the guest hears of it
	CacheDirectsync   = "directsync"   // past it, and each write is on the disk before the guest hears of it
	CacheUnsafe       = "unsafe"       // through it, and the guest's flushes are forgotten
)

// How QEMU hands requests to the kernel.
const (
	AIOThreads = "threads"
	AIONative  = "native"   // Linux AIO, which waits for nothing past the page cache only
	AIOUring   = "io_uring" // no VM has it: docs/design/0064
)

// What becomes of what the guest discards, and of zeros that it writes.
const (
	DiscardUnmap  = "unmap"
	DiscardIgnore = "ignore"
	ZeroesOff     = "off"
	ZeroesOn      = "on"
	ZeroesUnmap   = "unmap"
)

// Caches are the values of cache.
func Caches() []string {
	return []string{CacheNone, CacheWriteback, CacheWritethrough, CacheDirectsync, CacheUnsafe}
}

// AIOs are the values of aio.
func AIOs() []string { return []string{AIOThreads, AIONative} }

// Discards are the values of discard.
func Discards() []string { return []string{DiscardUnmap, DiscardIgnore} }

// Zeroes are the values of detectZeroes.
func Zeroes() []string { return []string{ZeroesOff, ZeroesOn, ZeroesUnmap} }

// On is how it is done on a block device, or on a file, where it is not said. A device is written to past the page cache:
// that says EIO where a thin pool is full, and only of ENOSPC QEMU stops its guest, which then goes on when there is room.
// Source: fs/buffer.c of Linux, end_buffer_async_write.
func (d DiskIO) On(block bool) DiskIO {
	if d.Cache == "" && block {
		d.Cache = CacheNone
	}
	return d
}

// Direct reports whether the host's page cache is passed by.
func (d DiskIO) Direct() bool { return d.Cache == CacheNone || d.Cache == CacheDirectsync }

// Forgets reports whether the guest's flushes do nothing.
func (d DiskIO) Forgets() bool { return d.Cache == CacheUnsafe }

// Through reports whether the guest is told of no write before it is on the disk.
func (d DiskIO) Through() bool { return d.Cache == CacheWritethrough || d.Cache == CacheDirectsync }

// Set sets one of them by the name that it has in a spec.
func (d *DiskIO) Set(name, value string) error {
	at, ok := map[string]*string{"cache": &d.Cache, "aio": &d.AIO, "discard": &d.Discard, "detectZeroes": &d.DetectZeroes}[name]
	if !ok {
		return fmt.Errorf("a disk has no %q: cache, aio, discard and detectZeroes are what there is", name)
	}
	*at = value
	return nil
}

// diskIO checks what needs to know neither host nor pool.
func (c *check) diskIO(path string, d Disk) {
	c.oneOf(path+".cache", d.Cache, Caches()...)
	if d.AIO != AIOUring { // told by who knows its reason
		c.oneOf(path+".aio", d.AIO, AIOs()...)
	}
	c.oneOf(path+".discard", d.Discard, Discards()...)
	c.oneOf(path+".detectZeroes", d.DetectZeroes, Zeroes()...)
	if d.AIO == AIONative && d.Cache != "" && !d.Direct() && slices.Contains(Caches(), d.Cache) {
		c.say(path+".aio", "set "+path+".cache to none, or choose threads", "native needs cache none or directsync, and cache is %s: through the page cache it would wait for each request", d.Cache)
	}
	if d.DetectZeroes == ZeroesUnmap && d.Discard == DiscardIgnore {
		c.say(path+".detectZeroes", "leave discard out, or choose on", "zeros cannot be unmapped where discard is ignore")
	}
}
