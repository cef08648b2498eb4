//go:build linux

package console

import (
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
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// all is a whole log.
var all = vm.LogPart{Lines: -1, Tail: -1}

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
	return g.connect(vm.ConsoleOptions{Scrollback: scrollback, Who: "ann"})
}

func (g *guest) connect(opt vm.ConsoleOptions) io.ReadWriteCloser {
	g.t.Helper()
	v, err := g.lines.Connect(g.t.Context(), model.Ref{Name: "web"}, opt)
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

// types types, and takes the guest's end for as long as it is typed.
func (g *guest) types(v io.Writer, text string) {
	g.t.Helper()
	_, err := v.Write([]byte(text))
	g.must(err)
	line := g.accept() // QEMU serves one client at a time
	g.reads(line, text)
	if n, err := line.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		g.t.Errorf("nobody types, and the line is held: %d, %v", n, err)
	}
}

func TestWhatAViewerTypesReachesTheGuestAndThenTheLineIsFree(t *testing.T) {
	g := newGuest(t)
	a := g.view(0)
	for i := range 3 {
		g.types(a, fmt.Sprintf("ls %d\n", i))
	}
}

func TestOneViewerTypesAndAnotherIsToldWhoHoldsTheLineUntilItIsFree(t *testing.T) {
	g := newGuest(t)
	ann, bob := g.view(0), g.connect(vm.ConsoleOptions{Who: "bob"})
	g.types(ann, "ls\n")
	for range 2 { // told once
		if n, err := bob.Write([]byte("rm\n")); err != nil || n != 3 {
			t.Fatalf("%d, %v", n, err)
		}
	}
	const held = "\r\n[hv: the line is held by ann: what you type goes nowhere until that console is left, or hv vm console --take]\r\n"
	g.reads(bob, held)
	g.print("a b c\n")
	g.reads(bob, "a b c\n")
	g.reads(ann, "a b c\n")
	g.must(ann.Close())
	g.reads(bob, "\r\n[hv: ann has left: the line is free]\r\n")
	g.types(bob, "uptime\n")

	eve := g.connect(vm.ConsoleOptions{Who: "eve", Take: true})
	g.reads(bob, "\r\n[hv: eve has taken the line: what you type goes nowhere now]\r\n")
	_, err := bob.Write([]byte("x"))
	g.must(err)
	g.types(eve, "who\n")
}

func TestWhoTypesWaitsForAHolderThatIsAboutToLeave(t *testing.T) {
	g := newGuest(t)
	ann, bob := g.view(0), g.connect(vm.ConsoleOptions{Who: "bob"})
	g.types(ann, "ls\n")
	var leaving sync.WaitGroup
	leaving.Go(func() { _ = ann.Close() })
	g.types(bob, "ps\n") // nothing of it is lost
	leaving.Wait()
	g.print("$ ")
	g.reads(bob, "$ ")
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
	if _, err := g.lines.Connect(t.Context(), model.Ref{Name: "db"}, vm.ConsoleOptions{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	g.path += "-gone"
	if _, err := g.lines.Connect(t.Context(), model.Ref{Name: "web"}, vm.ConsoleOptions{}); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), `cannot reach the console of vm "web"`) {
		t.Errorf("%v", err)
	}
	if _, err := g.lines.Read(t.Context(), model.Ref{Name: "web"}, "secrets", all); fault.KindOf(err) != fault.NotFound || fault.HintOf(err) != "use serial or qemu, or serial-previous or qemu-previous" {
		t.Errorf("%v", err)
	}
	if _, err := g.lines.Read(t.Context(), model.Ref{Name: "web"}, QEMU, all); fault.KindOf(err) != fault.NotFound || fault.HintOf(err) != "it begins with the first start" {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "../../etc", uuid + "/.."} {
		if _, err := g.logs.Append(bad, Serial); fault.KindOf(err) != fault.Internal || err == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
