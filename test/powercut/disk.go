//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// change is one thing that was done to a file's content.
type change struct {
	ended int
	safe  int // the place from which on it is on the disk; never is later than every place
	at    int64
	data  []byte
	cut   bool // the file was cut to the length at
}

// inode is one file or folder.
type inode struct {
	folder  bool
	changes []*change
	entries []*entry // of a folder, in the order in which they came and went
}

// entry is a name that a folder got or lost.
type entry struct {
	ended int
	safe  int
	name  string
	file  *inode // nil: it lost it
}

const never = int(^uint(0) >> 1)

// Ack is a line that the program wrote to its standard output, and the place at which it began to.
type Ack struct {
	Place int
	Text  string
}

// Disk is what a program did to its folder, ready to be cut anywhere.
type Disk struct {
	Acks  []Ack
	Lines int // places are 0 to Lines

	root *inode
	now  map[string]*inode // by path, as the program sees it
	top  string
	// offset is where the next write of an open file goes that names no place, by its number.
	offset map[string]int64
	Syncs  int // how often anything was synced
}

// Disk reads what was done to the folder.
func (tr *Trace) Disk() (*Disk, error) {
	d := &Disk{root: &inode{folder: true}, now: map[string]*inode{}, top: tr.root, Lines: tr.lines, offset: map[string]int64{}}
	d.now[tr.root] = d.root
	calls := slices.Clone(tr.calls)
	slices.SortStableFunc(calls, func(a, b call) int { return a.ended - b.ended })
	for _, c := range calls {
		if err := d.do(c); err != nil {
			return nil, fmt.Errorf("%s(%.200s): %w", c.name, c.args, err)
		}
	}
	return d, nil
}

func (d *Disk) do(c call) error {
	args, err := split(c.args)
	if err != nil {
		return err
	}
	fd := ""
	if len(args) > 0 {
		fd = fdPath(args[0])
	}
	switch c.name {
	case "write":
		if strings.HasPrefix(args[0], "1<") {
			d.Acks = append(d.Acks, Ack{c.begun, args[1]})
			return nil
		}
		number, _, _ := strings.Cut(args[0], "<")
		d.change(fd, &change{ended: c.ended, at: d.offset[number], data: []byte(args[1])[:c.result]})
		d.offset[number] += c.result
	case "pwrite64":
		at, err := strconv.ParseInt(args[3], 10, 64)
		if err != nil {
			return err
		}
		d.change(fd, &change{ended: c.ended, at: at, data: []byte(args[1])[:c.result]})
	case "ftruncate":
		at, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			return err
		}
		d.change(fd, &change{ended: c.ended, at: at, cut: true})
	case "fsync", "fdatasync":
		d.sync(fd, c)
	case "open", "creat":
		return d.open(args[0], strings.Join(args[1:], ","), c)
	case "openat":
		return d.open(at(args[0], args[1]), args[2], c)
	case "mkdir":
		d.link(args[0], &inode{folder: true}, c)
	case "mkdirat":
		d.link(at(args[0], args[1]), &inode{folder: true}, c)
	case "unlink", "rmdir":
		d.link(args[0], nil, c)
	case "unlinkat":
		d.link(at(args[0], args[1]), nil, c)
	case "rename":
		d.rename(args[0], args[1], c)
	case "renameat", "renameat2":
		d.rename(at(args[0], args[1]), at(args[2], args[3]), c)
	default: // writev, link, fallocate and the like
		for _, a := range args {
			if d.inside(fdPath(a)) || d.inside(a) {
				return errors.New("this package does not follow it")
			}
		}
	}
	return nil
}

// at is the path that a name in a folder is.
func at(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(fdPath(folder), name)
}

func (d *Disk) inside(path string) bool { return path == d.top || strings.HasPrefix(path, d.top+"/") }

func (d *Disk) change(path string, ch *change) {
	if f := d.now[path]; f != nil {
		ch.safe = never
		f.changes = append(f.changes, ch)
	}
}

// open follows an open file: its number is new, and it may make the file or empty it.
func (d *Disk) open(path, flags string, c call) error {
	if !d.inside(path) {
		return nil
	}
	if strings.Contains(flags, "O_APPEND") {
		return errors.New("this package does not follow writes at the end")
	}
	d.offset[strconv.FormatInt(c.result, 10)] = 0
	if d.now[path] == nil && (strings.Contains(flags, "O_CREAT") || c.name == "creat") {
		d.link(path, &inode{}, c)
	}
	if strings.Contains(flags, "O_TRUNC") {
		d.change(path, &change{ended: c.ended, cut: true})
	}
	return nil
}

// link gives a name to a file, or takes it away.
func (d *Disk) link(path string, f *inode, c call) {
	folder := d.now[filepath.Dir(path)]
	if folder == nil || !d.inside(path) {
		return
	}
	folder.entries = append(folder.entries, &entry{ended: c.ended, safe: never, name: filepath.Base(path), file: f})
	if f == nil {
		delete(d.now, path)
		return
	}
	d.now[path] = f
}

func (d *Disk) rename(from, to string, c call) {
	f := d.now[from]
	if f == nil {
		return
	}
	d.link(to, f, c)
	d.link(from, nil, c)
	for path, below := range maps.Clone(d.now) {
		if rest, ok := strings.CutPrefix(path, from+"/"); ok {
			delete(d.now, path)
			d.now[to+"/"+rest] = below
		}
	}
}

// sync makes safe what had ended before it began, from when it has ended on.
func (d *Disk) sync(path string, c call) {
	f := d.now[path]
	if f == nil {
		return
	}
	d.Syncs++
	for _, ch := range f.changes {
		if ch.safe == never && ch.ended < c.begun {
			ch.safe = c.ended
		}
	}
	for _, e := range f.entries {
		if e.safe == never && e.ended < c.begun {
			e.safe = c.ended
		}
	}
}

// Luck decides what of that which was not safe is there after the cut.
type Luck struct {
	rand  *rand.Rand // nil: all the same answer
	keeps bool
}

// The three sorts of luck: nothing that was not safe is there, all is, or any of it.
var (
	None = Luck{}
	All  = Luck{keeps: true}
)

// Any is luck of one's own for each seed.
func Any(seed uint64) Luck { return Luck{rand: rand.New(rand.NewPCG(seed, 1))} } // #nosec G404 -- a test's choice

func (l Luck) keep() bool {
	if l.rand == nil {
		return l.keeps
	}
	return l.rand.IntN(2) == 0
}

// Cut makes the folder to as the disk has it after a power cut just before a place.
func (d *Disk) Cut(place int, luck Luck, to string) error { return d.root.cut(place, luck, to) }

func (f *inode) cut(place int, luck Luck, to string) error {
	names := map[string]*inode{}
	lost := false
	for _, e := range f.entries {
		if e.ended >= place || lost && e.safe >= place {
			continue
		}
		if e.safe >= place && !luck.keep() {
			lost = true // and every later one that is not safe: a journal has them in their order
			continue
		}
		if names[e.name] = e.file; e.file == nil {
			delete(names, e.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		path := filepath.Join(to, name)
		file := names[name]
		if file.folder {
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			if err := file.cut(place, luck, path); err != nil {
				return err
			}
			continue
		}
		if err := os.WriteFile(path, file.content(place, luck), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// content is what of a file is on the disk.
func (f *inode) content(place int, luck Luck) []byte {
	var b []byte
	for _, ch := range f.changes {
		safe := ch.safe < place
		if ch.ended >= place {
			continue
		}
		if ch.cut {
			if safe || luck.keep() {
				b = resized(b, ch.at)
			}
			continue
		}
		for done := int64(0); done < int64(len(ch.data)); {
			begin := ch.at + done
			n := min(sector-begin%sector, int64(len(ch.data))-done)
			if safe || luck.keep() {
				if end := begin + n; end > int64(len(b)) {
					b = resized(b, end)
				}
				copy(b[begin:begin+n], ch.data[done:done+n])
			}
			done += n
		}
	}
	return b
}

func resized(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}
