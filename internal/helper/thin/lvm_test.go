package thin

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestAProgramOfLVMThatTakesTooLongIsAskedToEndAndNeverKilled(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if out, err := within(script("well", `echo "$1"`), time.Minute, time.Minute, "lvs"); err != nil || string(out) != "lvs\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := within(script("bad", "echo 'Volume group \"vg\" not found' >&2; exit 5"), time.Minute, time.Minute, "lvs"); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	// One that waits for a lock heeds it.
	if _, err := within(script("waits", "exec sleep 600"), 50*time.Millisecond, time.Minute, "lvcreate"); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "lvcreate") {
		t.Error(err)
	}
	// One in the middle of a change does not, and is left to come to its end.
	pid, done := filepath.Join(dir, "pid"), filepath.Join(dir, "done")
	busy := script("busy", `trap '' TERM; echo $$ > `+pid+`.new; mv `+pid+`.new `+pid+`; until [ -e `+done+` ]; do sleep 0.05; done; rm `+pid)
	ready := make(chan error, 1)
	go func() {
		_, err := within(busy, 200*time.Millisecond, 50*time.Millisecond, "lvcreate")
		ready <- err
	}()
	err := <-ready
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "goes on") {
		t.Error(err)
	}
	text, err := os.ReadFile(pid)
	if err != nil {
		t.Skipf("it was not begun in time: %v", err)
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || syscall.Kill(number, 0) != nil {
		t.Errorf("process %d was ended in the middle of a change: %v", number, err)
	}
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(pid); err != nil {
			return
		}
	}
	t.Error("it does not come to its end")
}
