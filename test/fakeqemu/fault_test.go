package fakeqemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair is a fake and a client of it, in one process.
func pair(t *testing.T, o Options) (*QEMU, *net.UnixConn) {
	t.Helper()
	q, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "qmp"))
	if err != nil {
		t.Fatal(err)
	}
	q.Listen(l)
	t.Cleanup(func() { _ = q.Close() })
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: l.Addr().String(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return q, c
}

// hears sends what is given and returns everything that comes until the end, or until the fake has
// said as many lines as wanted.
func hears(t *testing.T, c net.Conn, lines int, send ...string) string {
	t.Helper()
	for _, s := range send {
		if _, err := io.WriteString(c, s+"\n"); err != nil && !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	buf := make([]byte, 1)
	for strings.Count(all.String(), "\n") < lines {
		n, err := c.Read(buf)
		all.Write(buf[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return all.String() + "<end>"
		}
		if err != nil {
			t.Fatalf("after %q: %v", all.String(), err)
		}
	}
	return all.String()
}

const (
	hello  = `{"execute":"qmp_capabilities"}`
	status = `{"execute":"query-status"}`
	run    = `{"execute":"cont"}`
)

func TestFaultsOnDemand(t *testing.T) {
	for name, c := range map[string]struct {
		fault Fault
		send  []string
		lines int
		want  []string // parts, in order
		state string
	}{
		"garbage for a greeting":       {Fault{"greeting", Garbage, ""}, nil, 1, []string{"this is not QMP"}, "prelaunch"},
		"half a greeting":              {Fault{"greeting", Half, ""}, nil, 9, []string{`{"QMP":`, "<end>"}, "prelaunch"},
		"dead before the greeting":     {Fault{"greeting", Die, ""}, nil, 9, []string{"<end>"}, "prelaunch"},
		"half an answer":               {Fault{"query-status", Half, ""}, []string{hello, status}, 9, []string{"return", `{"`, "<end>"}, "prelaunch"},
		"dead before the effect":       {Fault{"cont", Die, ""}, []string{hello, run}, 9, []string{"return", "<end>"}, "prelaunch"},
		"dead between effect and word": {Fault{"cont", DieAfter, ""}, []string{hello, run}, 9, []string{"return", "RESUME", "<end>"}, "running"},
		"dead at the third command":    {Fault{"#3", Die, ""}, []string{hello, status, status}, 9, []string{"return", "prelaunch", "<end>"}, "prelaunch"},
		"silent":                       {Fault{"cont", Silent, ""}, []string{hello, run, status}, 3, []string{"return", "prelaunch"}, "prelaunch"},
		"slow":                         {Fault{"cont", Slow, "1ms"}, []string{hello, run}, 4, []string{"RESUME", "return"}, "running"},
		"refused":                      {Fault{"cont", Refuse, "not today"}, []string{hello, run}, 3, []string{"not today"}, "prelaunch"},
		"another's UUID":               {Fault{"query-uuid", Answer, `{"UUID":"x"}`}, []string{hello, `{"execute":"query-uuid"}`}, 3, []string{`{"UUID":"x"}`}, "prelaunch"},
		"a flood":                      {Fault{"query-status", Flood, "500"}, []string{hello, status}, 503, []string{"RESET", "prelaunch"}, "prelaunch"},
	} {
		t.Run(name, func(t *testing.T) {
			q, conn := pair(t, Options{Faults: []Fault{c.fault}})
			got := hears(t, conn, c.lines, c.send...)
			for _, w := range c.want {
				_, after, found := strings.Cut(got, w)
				if !found {
					t.Fatalf("no %q in %q", w, got)
				}
				got = after
			}
			if q.State() != c.state {
				t.Errorf("it is %s, want %s", q.State(), c.state)
			}
		})
	}
}

func TestASilentGreetingHearsNothing(t *testing.T) {
	q, conn := pair(t, Options{Faults: []Fault{{"greeting", Silent, ""}}})
	_ = q.Close()
	if got := hears(t, conn, 1); got != "<end>" {
		t.Errorf("heard %q", got)
	}
}

func TestAFaultThatMeansNothingIsRefused(t *testing.T) {
	for _, f := range []Fault{{"cont", "explode", ""}, {"cont", Slow, "soon"}, {"cont", Flood, "many"}, {"cont", Answer, "{"}} {
		if _, err := New(Options{Faults: []Fault{f}}); err == nil || !strings.Contains(err.Error(), "cont") {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestASecondClientWaitsUntilTheFirstHasGone(t *testing.T) {
	q, first := pair(t, Options{})
	hears(t, first, 1)
	second, err := net.Dial("unix", first.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	hears(t, first, 1, hello)
	q.Do(func() {
		if n := len(q.monitors); n != 1 {
			t.Errorf("%d clients are served", n)
		}
	})
	_ = first.Close()
	if got := hears(t, second, 1); !strings.Contains(got, "QMP") {
		t.Errorf("the second heard %q", got)
	}
	if got := hears(t, second, 1, status); !strings.Contains(got, "Expecting capabilities negotiation") {
		t.Errorf("the second client inherited the first one's negotiation: %q", got)
	}
}

func TestTheGuestActsByItself(t *testing.T) {
	q, conn := pair(t, Options{})
	hears(t, conn, 4, hello, run)
	q.Reset()
	q.PowerOff()
	got := hears(t, conn, 3)
	for _, w := range []string{"guest-reset", "guest-shutdown", "STOP"} {
		if !strings.Contains(got, w) {
			t.Errorf("no %s in %q", w, got)
		}
	}
	q.Panic() // it does not run any more
	if q.State() != "shutdown" {
		t.Error(q.State())
	}
}

func TestJobsThatWereThereAreFoundAndDismissed(t *testing.T) {
	q, conn := pair(t, Options{Jobs: []Job{{ID: "a", Type: "commit", Status: "running"}, {ID: "b", Type: "mirror", Status: "concluded", Error: "no"}}})
	_ = q
	dismiss := func(id string) string { return `{"execute":"job-dismiss","arguments":{"id":"` + id + `"}}` }
	got := hears(t, conn, 8, hello, dismiss("a"), `{"execute":"job-cancel","arguments":{"id":"a"}}`, dismiss("b"), `{"execute":"query-jobs"}`)
	for _, w := range []string{"cannot accept command verb 'dismiss'", `"aborting"`, `"concluded"`, `"null"`} {
		if !strings.Contains(got, w) {
			t.Errorf("no %s in %s", w, got)
		}
	}
	if last := hears(t, conn, 1); strings.Contains(last, `"b"`) || !strings.Contains(last, `"Operation was cancelled"`) {
		t.Errorf("jobs are %s", last)
	}
}

func TestOutOfBandOvertakesASlowCommand(t *testing.T) {
	_, conn := pair(t, Options{Faults: []Fault{{"query-status", Slow, "1h"}}})
	hears(t, conn, 2, `{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}`)
	if got := hears(t, conn, 1, status, `{"exec-oob":"query-yank","id":1}`); !strings.Contains(got, `"id":1`) {
		t.Errorf("heard %q", got)
	}
}

func TestHundredsStartQuickly(t *testing.T) {
	const many = 50 // each is a process
	dir := t.TempDir()
	for i := range many {
		path := filepath.Join(dir, fmt.Sprint(i))
		q := Command(t, Options{}, "-S", "-name", fmt.Sprintf("vm%d", i), "-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control")
		l := listen(t, path)
		q.ExtraFiles = []*os.File{l}
		if err := q.Start(); err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		t.Cleanup(func() { _ = q.Process.Kill(); _ = q.Wait() })
	}
	for i := range many {
		k := dial(t, filepath.Join(dir, fmt.Sprint(i)))
		k.ask(negotiate)
		var name struct{ Return struct{ Name string } }
		if err := json.Unmarshal(k.ask(say("query-name")).Got[0], &name); err != nil || name.Return.Name != fmt.Sprintf("vm%d", i) {
			t.Errorf("%d is %q: %v", i, name.Return.Name, err)
		}
	}
}
