//go:build linux

package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

const uuid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

// guest is QEMU's end of a serial line: a socket that serves one client, and a log.
type guest struct {
	t     *testing.T
	logs  *Logs
	lines *Lines
	path  string
	sock  net.Listener
	log   *os.File
	gone  chan struct{} // closed by the end of QEMU's process
}

func newGuest(t *testing.T) *guest {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	folder, err := os.MkdirTemp("", "hv")
	g := &guest{t: t, gone: make(chan struct{})}
	g.must(err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	g.path = filepath.Join(folder, "serial0")
	g.logs, err = OpenLogs(filepath.Join(folder, "logs"), slog.New(slog.DiscardHandler))
	g.must(err)
	g.sock, err = net.Listen("unix", g.path)
	g.must(err)
	g.log, err = g.logs.Append(uuid, Serial)
	g.must(err)
	g.lines = NewLines(g.logs,
		func(_ context.Context, ref model.Ref) (string, error) {
			if ref.Name != "web" {
				return "", fault.New(fault.NotFound, "there is no vm %q", ref.Name)
			}
			return uuid, nil
		},
		func(string, string) (string, error) { return g.path, nil },
		func(string) <-chan struct{} { return g.gone })
	t.Cleanup(func() {
		_ = g.sock.Close()
		g.lines.Close()
		g.must(errors.Join(g.log.Close(), g.logs.Close()))
	})
	return g
}

func (g *guest) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// print is what the guest says: QEMU writes it into the log.
func (g *guest) print(text string) {
	g.t.Helper()
	_, err := g.log.WriteString(text)
	g.must(err)
}

func (g *guest) view(scrollback int) io.ReadWriteCloser {
	g.t.Helper()
	v, err := g.lines.Connect(g.t.Context(), model.Ref{Name: "web"}, scrollback)
	g.must(err)
	g.t.Cleanup(func() { _ = v.Close() })
	return v
}

func (g *guest) accept() net.Conn {
	g.t.Helper()
	c, err := g.sock.Accept()
	g.must(err)
	g.t.Cleanup(func() { _ = c.Close() })
	return c
}

// reads reads exactly as much as want has.
func (g *guest) reads(r io.Reader, want string) {
	g.t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		g.t.Fatalf("read %q, want %q, %v", got, want, err)
	}
}

func TestTwoViewersSeeTheSameFromAsFarBackAsTheyLike(t *testing.T) {
	g := newGuest(t)
	g.print("booting\nlogin: ")
	a, b := g.view(7), g.view(1000)
	g.reads(a, "login: ")
	g.reads(b, "booting\nlogin: ")
	g.print("ann\n")
	g.reads(a, "ann\n")
	g.reads(b, "ann\n")
	c := g.view(0)
	g.print("$ ")
	for _, v := range []io.Reader{a, b, c} {
		g.reads(v, "$ ")
	}
}

func TestWhatViewersTypeReachesTheGuestAndThenTheLineIsFree(t *testing.T) {
	g := newGuest(t)
	a, b := g.view(0), g.view(0)
	for i, v := range []io.Writer{a, b, a} {
		text := fmt.Sprintf("ls %d\n", i)
		_, err := v.Write([]byte(text))
		g.must(err)
		line := g.accept() // QEMU serves one client at a time
		g.reads(line, text)
		if n, err := line.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("nobody types, and the line is held: %d, %v", n, err)
		}
	}
}

func TestWhoOnlyLooksHoldsNoLine(t *testing.T) {
	g := newGuest(t)
	v := g.view(0)
	g.print("ready\n")
	g.reads(v, "ready\n")
	sock, ok := g.sock.(*net.UnixListener)
	if !ok {
		t.Fatalf("the line is a %T", g.sock)
	}
	g.must(sock.SetDeadline(time.Now()))
	if c, err := g.sock.Accept(); err == nil {
		t.Errorf("%v is connected", c.RemoteAddr())
	}
}

func TestAViewerThatDoesNotReadHoldsUpNobody(t *testing.T) {
	g := newGuest(t)
	g.view(0) // never read
	busy := g.view(0)
	typed, err := busy.Write([]byte("seq 1000000\n"))
	g.must(err)
	line := g.accept()
	if typed == 0 {
		t.Fatal("nothing was typed")
	}
	text := strings.Repeat("x", 1<<20)
	for range 4 {
		g.print(text)
		_, err := line.Write([]byte(text)) // QEMU sends it too, and would wait for its client
		g.must(err)
		g.reads(busy, text)
	}
}

func TestAGuestThatDoesNotReadHoldsUpWhoTypesUntilTheyLeave(t *testing.T) {
	g := newGuest(t)
	typing, other := g.view(0), g.view(0)
	var typed sync.WaitGroup // the line is never accepted, and what is typed never read
	typed.Go(func() {
		for {
			if _, err := typing.Write(make([]byte, 1<<16)); err != nil {
				if fault.KindOf(err) != fault.Unavailable {
					t.Error(err)
				}
				return
			}
		}
	})
	g.print("still here")
	g.reads(other, "still here")
	_ = typing.Close()
	typed.Wait()
}

func TestAConsoleEndsWithItsProcessAndTellsTheRest(t *testing.T) {
	g := newGuest(t)
	v := g.view(0)
	g.print("reboot: Power down\n")
	close(g.gone)
	rest, err := io.ReadAll(v)
	if err != nil || string(rest) != "reboot: Power down\n" {
		t.Errorf("read %q, %v", rest, err)
	}
	if _, err := v.Write([]byte("x")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("typed into nothing: %v", err)
	}
}

func TestAViewerThatIsClosedWhileItWaitsEnds(t *testing.T) {
	g := newGuest(t)
	v := g.view(0)
	var read sync.WaitGroup
	read.Go(func() {
		if rest, err := io.ReadAll(v); err != nil || len(rest) > 0 {
			t.Errorf("read %q, %v", rest, err)
		}
	})
	_ = v.Close()
	_ = v.Close()
	read.Wait()
}

func TestAConsoleThatCannotBeSaysWhy(t *testing.T) {
	g := newGuest(t)
	if _, err := g.lines.Connect(t.Context(), model.Ref{Name: "db"}, 0); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	g.path += "-gone"
	if _, err := g.lines.Connect(t.Context(), model.Ref{Name: "web"}, 0); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), `cannot reach the console of vm "web"`) {
		t.Errorf("%v", err)
	}
	if _, err := g.lines.Read(t.Context(), model.Ref{Name: "web"}, "secrets", false, -1); fault.KindOf(err) != fault.NotFound || fault.HintOf(err) != "use serial, serial-previous or qemu" {
		t.Errorf("%v", err)
	}
	if _, err := g.lines.Read(t.Context(), model.Ref{Name: "web"}, QEMU, false, -1); fault.KindOf(err) != fault.NotFound || fault.HintOf(err) != "it begins with the first start" {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "../../etc", uuid + "/.."} {
		if _, err := g.logs.Append(bad, Serial); fault.KindOf(err) != fault.Internal || err == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestALogIsReadFromItsEnd(t *testing.T) {
	g := newGuest(t)
	g.print("one\ntwo\n")
	for tail, want := range map[int]string{-1: "one\ntwo\n", 0: "", 4: "two\n", 1000: "one\ntwo\n"} {
		r, err := g.lines.Read(t.Context(), model.Ref{Name: "web"}, Serial, false, tail)
		g.must(err)
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("the last %d bytes are %q, %v", tail, got, err)
		}
		g.must(r.Close())
	}
}

// numbered writes lines of 64 bytes, each with its number.
func (g *guest) numbered(from, to int) {
	g.t.Helper()
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "%063d\n", i)
	}
	g.print(b.String())
}

const lines = MaxLog / 64

func TestALogThatGrowsTooLargeKeepsItsNewerHalfAndItsFollowersStayWhereTheyAre(t *testing.T) {
	g := newGuest(t)
	g.numbered(0, lines/4)
	slow := g.view(64) // one line before the end of the older quarter
	g.numbered(lines/4, lines*3/4)
	middle := g.view(64) // in what is kept
	g.numbered(lines*3/4, lines+1)
	fast := g.view(0)

	g.logs.cutAll()
	g.print("after\n")

	g.reads(fast, "after\n")
	first := make([]byte, 128)
	_, err := io.ReadFull(middle, first)
	g.must(err)
	if want := fmt.Sprintf("%063d\n%063d\n", lines*3/4-1, lines*3/4); string(first) != want {
		t.Errorf("in the middle it goes on with %q, want %q", first, want)
	}
	g.reads(slow, cutNote)
	_, err = io.ReadFull(slow, first)
	g.must(err)
	if want := fmt.Sprintf("%063d\n%063d\n", lines/2+1, lines/2+2); string(first) != want {
		t.Errorf("behind the note it goes on with %q, want %q", first, want)
	}
	info, err := g.log.Stat()
	g.must(err)
	if want := int64(MaxLog/2 + len(cutNote) + len("after\n")); info.Size() != want {
		t.Errorf("the log has %d bytes, want %d", info.Size(), want)
	}
	before := info.Size()
	g.logs.cutAll() // it is small enough
	if info, err = g.log.Stat(); err != nil || info.Size() != before {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
}

func TestALogIsCutWhileTheGuestPrints(t *testing.T) {
	g := newGuest(t)
	g.numbered(0, lines+1)
	var printing sync.WaitGroup
	printing.Go(func() { g.numbered(lines+1, lines+4096) })
	g.logs.cutAll()
	printing.Wait()
	g.print("the end\n")
	r, err := g.logs.Read(uuid, Serial, false, 8)
	g.must(err)
	g.reads(r, "the end\n")
	g.must(r.Close())
}

func TestQEMUsOwnWordsBeginAnewWithEachRunAndTheLastAreKept(t *testing.T) {
	g := newGuest(t)
	if w := g.logs.Words(uuid); w != "" {
		t.Errorf("it said %q before its first start", w)
	}
	write := func(text string) {
		t.Helper()
		f, err := g.logs.Append(uuid, QEMU)
		g.must(err)
		_, err = f.WriteString(text)
		g.must(errors.Join(err, f.Close()))
	}
	write("first run, and a long one\n")
	follow, err := g.logs.Read(uuid, QEMU, true, -1)
	g.must(err)
	g.reads(follow, "first run, and a long one\n")
	write("second run, and a longer one yet\n")
	g.reads(follow, "second run, and a longer one yet\n")
	g.must(follow.Close())
	write(strings.Repeat("x", 5000) + "\x1b[31mqemu: no room\x07\n")
	if w := g.logs.Words(uuid); len(w) > maxWords || !strings.HasSuffix(w, "[31mqemu: no room") {
		t.Errorf("its last words are %q", w)
	}
	g.must(g.logs.Remove(uuid))
	g.must(g.logs.Remove(uuid))
	if w := g.logs.Words(uuid); w != "" {
		t.Errorf("they outlive the VM: %q", w)
	}
}

func TestCuttingEndsWithItsContext(t *testing.T) {
	g := newGuest(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.logs.Run(ctx, 1<<40)
}

func TestEachRunHasALogOfItsOwnAndTheOneBeforeIsKept(t *testing.T) {
	g := newGuest(t)
	g.print("first run\n")
	for _, run := range []string{"second run\n", "third run\n"} {
		log, err := g.logs.Append(uuid, Serial)
		g.must(err)
		_, err = log.WriteString(run)
		g.must(err)
		g.must(log.Close())
	}
	for log, want := range map[string]string{Serial: "third run\n", Previous: "second run\n"} {
		r, err := g.logs.Read(uuid, log, false, -1)
		g.must(err)
		got, err := io.ReadAll(r)
		g.must(err)
		if string(got) != want {
			t.Errorf("%s holds %q, want %q", log, got, want)
		}
		g.must(r.Close())
	}
}
