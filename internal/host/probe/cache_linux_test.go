package probe

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// asked is a cache over one file, and a count of how often its QEMU was asked.
func asked(t *testing.T, version string) (c *Cache, file string, times *int, now *time.Time) {
	t.Helper()
	file, times, now = filepath.Join(t.TempDir(), "qemu"), new(int), new(time.Time)
	*now = time.Unix(1000, 0)
	c = NewCache(filepath.Join(filepath.Dir(file), "kept"))
	c.paths = map[string]string{"x86_64": file}
	c.now = func() time.Time { return *now }
	c.ask = func(_ context.Context, arch, path string) host.QEMU {
		*times++
		info, err := os.Stat(path)
		if err != nil {
			return host.QEMU{Arch: arch, Why: "not there"}
		}
		return host.QEMU{Arch: arch, Path: path, Version: version, Key: keyOf(path, info)}
	}
	return c, file, times, now
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func TestAQEMUIsAskedOnceAndAgainWhenItsFileWasReplaced(t *testing.T) {
	c, file, times, _ := asked(t, "7.2.22")
	write(t, file, "a")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { c.Ask(t.Context(), "x86_64") })
	}
	all.Wait()
	if *times != 1 {
		t.Errorf("it was asked %d times", *times)
	}
	write(t, file, "b")
	first := c.Ask(t.Context(), "x86_64")
	if second := c.Ask(t.Context(), "x86_64"); *times != 2 || first.Key != second.Key {
		t.Errorf("it was asked %d times", *times)
	}
}

func TestTheNextDaemonNeedNotAskAgain(t *testing.T) {
	first, file, _, _ := asked(t, "7.2.22")
	write(t, file, "a")
	told := first.Ask(t.Context(), "x86_64")
	next := func() (host.QEMU, int) {
		c, times := NewCache(first.file), 0
		c.paths = first.paths
		c.ask = func(context.Context, string, string) host.QEMU { times++; return host.QEMU{} }
		return c.Ask(t.Context(), "x86_64"), times
	}
	if q, times := next(); times != 0 || !reflect.DeepEqual(q, told) {
		t.Errorf("asked %d times: %+v, want %+v", times, q, told)
	}
	good, err := os.ReadFile(first.file)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string]string{
		"is cut off": string(good[:len(good)/2]), "is empty": "", "is of another program": strings.Replace(string(good), `"stamp":"`, `"stamp":"x`, 1),
	} {
		write(t, first.file, content)
		if _, times := next(); times != 1 {
			t.Errorf("what was kept %s: QEMU was asked %d times", what, times)
		}
	}
	write(t, first.file, string(good))
	write(t, file, "b")
	if _, times := next(); times != 1 {
		t.Errorf("QEMU was replaced while no daemon ran: it was asked %d times", times)
	}
}

func TestAQEMUThatWasInstalledLaterIsFound(t *testing.T) {
	c, file, _, _ := asked(t, "7.2.22")
	if q := c.Ask(t.Context(), "x86_64"); q.OK() {
		t.Errorf("%+v", q)
	}
	write(t, file, "a")
	if q := c.Ask(t.Context(), "x86_64"); !q.OK() {
		t.Errorf("%+v", q)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if q := c.Ask(t.Context(), "x86_64"); q.OK() {
		t.Errorf("it was removed: %+v", q)
	}
}

func TestAQEMUThatCouldNotBeAskedIsTriedAgainLater(t *testing.T) {
	c, file, times, now := asked(t, "")
	write(t, file, "a")
	c.Ask(t.Context(), "x86_64")
	c.Ask(t.Context(), "x86_64")
	if *times != 1 {
		t.Errorf("it was asked %d times at once", *times)
	}
	*now = now.Add(retryAfter)
	c.Ask(t.Context(), "x86_64")
	if *times != 2 {
		t.Errorf("it was asked %d times", *times)
	}
}

func TestAQuestionThatWasGivenUpIsNotRemembered(t *testing.T) {
	c, file, times, _ := asked(t, "7.2.22")
	write(t, file, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Ask(ctx, "x86_64")
	c.Ask(t.Context(), "x86_64")
	if *times != 2 {
		t.Errorf("it was asked %d times", *times)
	}
}

func TestOnlyArchitecturesThatVMsCanHaveAreAsked(t *testing.T) {
	q := NewCache("").Ask(t.Context(), "../../bin/sh")
	if q.OK() || !strings.Contains(q.Why, "no architecture") {
		t.Errorf("%+v", q)
	}
}
