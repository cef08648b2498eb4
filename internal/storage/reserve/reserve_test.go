//go:build linux

package reserve

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("no stat")
	}
	return st.Blocks * 512
}

func TestAReserveTakesRoomAndGivesItUpOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reserve")
	r := New(path, 1<<20)
	if r.Give() {
		t.Error("it gives what it does not have")
	}
	for range 2 {
		if err := r.Take(); err != nil {
			t.Fatal(err)
		}
	}
	if n := blocks(t, path); n == 0 {
		t.Skip("this file system promises no room")
	} else if n < 1<<20 {
		t.Errorf("it holds %d bytes", n)
	}
	if !r.Give() || blocks(t, path) != 0 || r.Give() {
		t.Errorf("it still holds %d bytes", blocks(t, path))
	}
	if err := r.Take(); err != nil || blocks(t, path) < 1<<20 {
		t.Errorf("it is not taken back: %v", err)
	}
}

func TestAReserveTakesNothingWhereRoomIsShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reserve")
	r := New(path, 1<<60)
	if err := r.Take(); err != nil || blocks(t, path) != 0 {
		t.Errorf("%v, %d bytes", err, blocks(t, path))
	}
}
