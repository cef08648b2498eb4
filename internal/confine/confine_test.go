//go:build linux

package confine

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// say runs a shell line confined and returns what it printed.
func say(t *testing.T, line string, files ...*os.File) (string, error) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	ran := Command{Program: "/usr/bin/env", Args: []string{"env", "-i", "/bin/sh", "-c", line}, Files: files, Out: out, Err: out}.Run(t.Context())
	_, _ = out.Seek(0, 0)
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), ran
}

func needLandlock(t *testing.T) {
	t.Helper()
	if version, err := Landlock(); version == 0 || err != nil {
		t.Skip("this kernel has no landlock")
	}
}

func TestAConfinedProgramReachesNoFileButItsOwn(t *testing.T) {
	needLandlock(t)
	mine, err := os.CreateTemp(t.TempDir(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mine.Close() }()
	beside := filepath.Join(filepath.Dir(mine.Name()), "beside")
	if err := os.WriteFile(beside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := say(t, "echo hello >"+Path(0)+" && read w <"+Path(0)+" && echo $w", mine); err != nil || out != "hello\n" {
		t.Errorf("its own file: %q %v", out, err)
	}
	for _, line := range []string{"read w </etc/passwd", "read w <" + beside, "echo x >" + beside, "echo x >/tmp/x", "read w </proc/self/stat"} {
		out, err := say(t, line, mine)
		if e, ok := errors.AsType[*Exit](err); !ok || e.Code == 0 || !strings.Contains(out, "ermission denied") {
			t.Errorf("%s: %q %v", line, out, err)
		}
	}
}

func TestAFileThatIsOpenForReadingIsNotWritten(t *testing.T) {
	needLandlock(t)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if out, err := say(t, "echo new >"+Path(0), f); err == nil {
		t.Errorf("it was written: %q", out)
	}
	if got, _ := os.ReadFile(name); string(got) != "old" {
		t.Errorf("it holds %q", got)
	}
}

func TestWhatEndsAConfinedProgramIsSaid(t *testing.T) {
	_, err := say(t, "exit 3")
	if e, ok := errors.AsType[*Exit](err); !ok || e.Code != 3 || e.Signal != 0 {
		t.Errorf("%v", err)
	}
	_, err = say(t, "kill -9 $$")
	if e, ok := errors.AsType[*Exit](err); !ok || e.Signal != syscall.SIGKILL {
		t.Errorf("%v", err)
	}
	if err := (Command{Program: "/usr/bin/no-such-program"}).Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestAConfinedProgramEndsWithItsContext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithCancelCause(t.Context())
	given := errors.New("given up")
	done := make(chan error)
	go func() {
		done <- Command{Program: "/bin/sh", Args: []string{"sh", "-c", "echo up; while :; do :; done"}, Out: w}.Run(ctx)
		_ = w.Close()
	}()
	if _, err := r.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	cancel(given)
	if err := <-done; !errors.Is(err, given) {
		t.Errorf("%v", err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 1 { // its end of the pipe is closed: it is gone
		t.Errorf("%q %v", rest, err)
	}
}

func TestLimitsHold(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	err = Command{
		Program: "/bin/sh", Args: []string{"sh", "-c", "while :; do echo 0123456789 >>" + Path(0) + "; done"}, Files: []*os.File{f},
		Limits: Limits{FileBytes: 4096, CPU: 5 * time.Second, Memory: 1 << 30},
	}.Run(t.Context())
	if e, ok := errors.AsType[*Exit](err); !ok || e.Signal != syscall.SIGXFSZ {
		t.Errorf("%v", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() > 4096 {
		t.Errorf("%v %v", info, err)
	}
}
