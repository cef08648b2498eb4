//go:build linux

package lvm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
)

const uid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

var errPower = errors.New("the power is gone")

// disk loses its power when it was written to so many times: of the last write only the first half arrives.
type disk struct {
	data []byte
	left int
}

func (d *disk) ReadAt(p []byte, at int64) (int, error) { return bytes.NewReader(d.data).ReadAt(p, at) }

func (d *disk) WriteAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > int64(len(d.data)) {
		return 0, io.ErrShortWrite
	}
	if d.left--; d.left < 0 {
		return 0, errPower
	}
	if d.left == 0 {
		return copy(d.data[at:], p[:len(p)/2]), errPower
	}
	return copy(d.data[at:], p), nil
}

func (d *disk) Sync() error  { return nil }
func (d *disk) Close() error { return nil }

func whole(size int) *disk { return &disk{make([]byte, size), 1 << 30} }

func texts(all map[string][]byte) map[string]string {
	out := map[string]string{}
	for uid, text := range all {
		out[uid] = string(text)
	}
	return out
}

func id(n int) string { return fmt.Sprintf("6d3ce1b6-2a1e-4ad9-a13e-%012d", n) }

// The log is written until its power is cut, at every write there is, and through two turns of its halves: the next
// daemon finds every note as it was before or as it was to be.
func TestAPowerCutLeavesTheOldNotesOrTheNew(t *testing.T) {
	for cut := 1; cut < 60; cut++ {
		d := whole(64 << 10) // 7 blocks a half
		d.left = cut
		before, after := map[string]string{}, map[string]string{}
		l, err := readLog(d, int64(len(d.data)))
		for i := 0; err == nil && i < 40; i++ {
			before, after = texts(l.all), texts(l.all)
			key, text := id(i%4), fmt.Sprintf("note %d", i)
			if i%7 == 6 {
				delete(after, key)
				text = ""
			} else {
				after[key] = text
			}
			err = l.put(key, []byte(text))
		}
		if !errors.Is(err, errPower) && err != nil {
			t.Fatal(err)
		}
		d.left = 1 << 30
		next, err := readLog(d, int64(len(d.data)))
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(next.all); !maps.Equal(got, before) && !maps.Equal(got, after) {
			t.Errorf("cut at write %d: %v is neither %v nor %v", cut, got, before, after)
		}
		if err := next.put(id(9), []byte("goes on")); err != nil {
			t.Errorf("cut at write %d: %v", cut, err)
		}
	}
}

func TestNotesThatDoNotFitAreRefusedAndTheOthersStay(t *testing.T) {
	d := whole(64 << 10)
	l, err := readLog(d, int64(len(d.data)))
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("n"), 8000)
	for i := range 3 {
		if err := l.put(id(i), long); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.put(id(3), long); !errors.Is(err, fault.Exhausted) {
		t.Errorf("it says %v", err)
	}
	next, err := readLog(d, int64(len(d.data)))
	if err != nil || len(next.all) != 3 {
		t.Errorf("%d are left, %v", len(next.all), err)
	}
	if err := next.put(id(0), nil); err != nil {
		t.Fatal(err)
	}
	if err := next.put(id(3), long); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

func FuzzWhatStandsOnADeviceIsReadWithinBounds(f *testing.F) {
	d := whole(64 << 10)
	l, err := readLog(d, int64(len(d.data)))
	if err != nil {
		f.Fatal(err)
	}
	for i := range 9 {
		if err := l.put(id(i%3), bytes.Repeat([]byte("x"), i*100+1)); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(d.data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := readLog(&disk{bytes.Clone(data), 1 << 30}, int64(len(data)))
		if err != nil {
			return
		}
		for uid, text := range l.all {
			if backend.CheckNote(uid, text) != nil {
				t.Errorf("%q holds %d bytes", uid, len(text))
			}
		}
		if err := l.put(uid, []byte("more")); err == nil && string(l.get(uid)) != "more" {
			t.Error("what was written is not there")
		}
	})
}
