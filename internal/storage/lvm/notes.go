//go:build linux

package lvm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
)

// Notes stand in one volume of the pool, as a log: two halves, of which the one with the higher generation counts. What is
// written goes to the end of it, durably; when it is full, what counts goes to the other half, and that half's head is
// written last. So after a crash between any two lines a note is the old or the new.
//
// A half is its head and records, each of them of whole blocks. The head: magic, generation, digest of both. A record:
// magic, generation, length, UID, digest of these and of the text, then the text; no text takes the note away. A record
// of another generation, or one that does not fit its digest, is the end.

const (
	block     = 4096
	headMagic = "hvnote01"
	noteMagic = "hvrec001"
	uidLen    = 36
	digestAt  = 8 + 8 + 8 + uidLen
	textAt    = digestAt + sha256.Size
)

// device is what notes stand on.
type device interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Close() error
}

// log is the notes of one pool.
type log struct {
	mu   sync.Mutex
	dev  device
	half int64 // bytes of one
	gen  uint64
	at   int64 // of the half that counts
	end  int64 // where the next record goes, from there
	all  map[string][]byte
}

// readLog reads what stands on a device of this size. One on which nothing stands is begun.
func readLog(dev device, size int64) (*log, error) {
	l := &log{dev: dev, half: size / 2 / block * block, all: map[string][]byte{}}
	if l.half < 2*block {
		return nil, fault.New(fault.Unavailable, "the volume of notes has %d bytes", size)
	}
	for _, at := range []int64{0, l.half} {
		if gen, err := l.head(at); err != nil {
			return nil, err
		} else if gen > l.gen {
			l.gen, l.at = gen, at
		}
	}
	if l.gen == 0 {
		l.at = l.half // so that the first half is the other
		if err := l.turn(); err != nil {
			return nil, err
		}
		return l, nil
	}
	if err := l.replay(); err != nil {
		return nil, err
	}
	return l, nil
}

// head is the generation of a half; 0 where it has none.
func (l *log) head(at int64) (uint64, error) {
	b := make([]byte, block)
	if _, err := l.dev.ReadAt(b, at); err != nil {
		return 0, err
	}
	sum := sha256.Sum256(b[:16])
	if string(b[:8]) != headMagic || !bytes.Equal(b[16:16+len(sum)], sum[:]) {
		return 0, nil
	}
	return binary.BigEndian.Uint64(b[8:]), nil
}

// replay reads the records of the half that counts.
func (l *log) replay() error {
	first := make([]byte, block)
	for l.end = block; l.end+block <= l.half; {
		if _, err := l.dev.ReadAt(first, l.at+l.end); err != nil {
			return err
		}
		n := binary.BigEndian.Uint64(first[16:])
		if string(first[:8]) != noteMagic || binary.BigEndian.Uint64(first[8:]) != l.gen || n > uint64(backend.MaxNote) || l.end+blocks(int(n)) > l.half {
			return nil
		}
		whole := make([]byte, blocks(int(n)))
		if _, err := l.dev.ReadAt(whole, l.at+l.end); err != nil {
			return err
		}
		uid, text := string(whole[24:24+uidLen]), whole[textAt:textAt+n]
		if sum := digest(whole[:digestAt], text); !bytes.Equal(whole[digestAt:textAt], sum) || !isUID(uid) {
			return nil
		}
		if delete(l.all, uid); n > 0 {
			l.all[uid] = text
		}
		l.end += int64(len(whole))
	}
	return nil
}

// blocks is how many bytes a record of a text takes.
func blocks(text int) int64 { return (int64(textAt+text) + block - 1) / block * block }

func digest(head, text []byte) []byte {
	h := sha256.New()
	_, _ = h.Write(head) // never fails
	_, _ = h.Write(text)
	return h.Sum(nil)
}

func (l *log) record(gen uint64, uid string, text []byte) []byte {
	b := make([]byte, blocks(len(text)))
	copy(b, noteMagic)
	binary.BigEndian.PutUint64(b[8:], gen)
	binary.BigEndian.PutUint64(b[16:], uint64(len(text)))
	copy(b[24:], uid)
	copy(b[digestAt:], digest(b[:digestAt], text))
	copy(b[textAt:], text)
	return b
}

// put writes a note in place of the one before; an empty text takes it away.
func (l *log) put(uid string, text []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.all[uid]; !there && len(text) == 0 {
		return nil
	}
	if l.end+blocks(len(text)) > l.half {
		if err := l.turn(); err != nil {
			return err
		}
		if l.end+blocks(len(text)) > l.half {
			return fault.New(fault.Exhausted, "the volume of notes is full with %d of them", len(l.all))
		}
	}
	b := l.record(l.gen, uid, text)
	if _, err := l.dev.WriteAt(b, l.at+l.end); err != nil {
		return err
	}
	if err := l.dev.Sync(); err != nil {
		return err
	}
	l.end += int64(len(b))
	if delete(l.all, uid); len(text) > 0 {
		l.all[uid] = bytes.Clone(text)
	}
	return nil
}

// turn writes what counts to the other half, which counts from then on.
func (l *log) turn() error {
	to, end := l.half-l.at, int64(block)
	for _, uid := range slices.Sorted(maps.Keys(l.all)) {
		b := l.record(l.gen+1, uid, l.all[uid])
		if end+int64(len(b)) > l.half {
			return fault.New(fault.Exhausted, "the volume of notes is full with %d of them", len(l.all))
		}
		if _, err := l.dev.WriteAt(b, to+end); err != nil {
			return err
		}
		end += int64(len(b))
	}
	head := make([]byte, block)
	copy(head, headMagic)
	binary.BigEndian.PutUint64(head[8:], l.gen+1)
	sum := sha256.Sum256(head[:16])
	copy(head[16:], sum[:])
	if err := l.dev.Sync(); err != nil {
		return err
	}
	if _, err := l.dev.WriteAt(head, to); err != nil {
		return err
	}
	if err := l.dev.Sync(); err != nil {
		return err
	}
	l.gen, l.at, l.end = l.gen+1, to, end
	return nil
}

func (l *log) get(uid string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.all[uid])
}

// others are all notes but those that are known.
func (l *log) others(known map[string]bool) map[string][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string][]byte{}
	for uid, text := range l.all {
		if !known[uid] {
			out[uid] = bytes.Clone(text)
		}
	}
	return out
}

func (l *log) close() error { return l.dev.Close() }

func isUID(s string) bool { return backend.CheckUID(s) == nil }
