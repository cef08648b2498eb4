package fakeqemu

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	RunIfAsked()
	goleak.VerifyTestMain(m)
}

var versions = []string{"7.2", "10.0"}

// play starts the fake as a program, with the command line and the descriptors of the real one.
func play(t *testing.T, o Options, files []*os.File, monitor string) *talk {
	t.Helper()
	q := Command(t, o, argv(os.DevNull)...)
	q.ExtraFiles = files
	q.Stderr = os.Stderr
	if err := q.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		_ = f.Close()
	}
	t.Cleanup(func() { _ = q.Process.Kill(); _ = q.Wait() })
	serial := watch(t, monitor)
	k := dial(t, monitor)
	k.serial = serial
	return k
}

func TestTheFakeSaysWhatTheRealQEMUSaid(t *testing.T) {
	for _, version := range versions {
		r, err := recorded(version)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scenarios {
			t.Run(version+" "+s.name, func(t *testing.T) {
				want, ok := r.transcript(s.name)
				if !ok {
					t.Skip("the real one of this version was not recorded with this scenario")
				}
				files, monitor := descriptors(t, t.TempDir())
				k := play(t, Options{Version: version, Guest: s.guest}, files, monitor)
				if diff := cmp.Diff(readable(want), readable(k.play(s))); diff != "" {
					t.Errorf("-real +fake:\n%s", diff)
				}
				if want, _ := blot(r.Greeting); !bytes.Equal(want, must(blot(k.greeting))) {
					t.Errorf("it greets with %s", k.greeting)
				}
			})
		}
	}
}

func must(raw json.RawMessage, err error) json.RawMessage {
	if err != nil {
		panic(err)
	}
	return raw
}

func TestTheFakeRefusesWhatTheRealQEMURefused(t *testing.T) {
	for _, version := range versions {
		r, err := recorded(version)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Failures) != len(failures) {
			t.Fatal("the recording has other failures than the table")
		}
		for _, f := range r.Failures {
			t.Run(version+" "+strings.Join(f.Args, " "), func(t *testing.T) {
				got := fails(f.Args, Command(t, Options{Version: version}, plain(f.Args)...))
				if diff := cmp.Diff(f, got); diff != "" {
					t.Errorf("-real +fake:\n%s", diff)
				}
			})
		}
	}
}

// TestEverythingTheFakeSaysFitsTheSchema checks what no transcript compares with the real one too.
func TestEverythingTheFakeSaysFitsTheSchema(t *testing.T) {
	for _, version := range versions {
		q, err := New(Options{Version: version, Jobs: []Job{{ID: "j", Type: "commit", Status: "concluded"}}})
		if err != nil {
			t.Fatal(err)
		}
		events := &events{q: q, t: t}
		for _, command := range append([]string{
			"query-status", "query-uuid", "query-name", "query-cpus-fast", "query-chardev", "query-jobs", "query-block-jobs",
			"query-yank", "query-named-block-nodes", "query-fdsets", "query-hotpluggable-cpus", "cont", "system_powerdown", "system_reset", "stop",
		}, asked...) {
			q.Do(func() {
				v, err := q.command(nil, command, nil)
				if err != nil {
					t.Errorf("%s: %v", command, err)
				}
				for _, p := range q.schema.CheckAnswer(command, mustJSON(v)) {
					t.Errorf("%s: %s", version, p)
				}
			})
		}
		q.Do(func() {
			if _, err := q.command(nil, "job-dismiss", json.RawMessage(`{"id":"j"}`)); err != nil {
				t.Error(err)
			}
			q.cont()
		})
		q.Reset()
		q.Panic()
		events.check()
		_ = q.Close()
	}
}

// events is a client that only listens.
type events struct {
	t *testing.T
	q *QEMU
}

// check has the fake say every event it knows to a listener and holds each against the schema.
func (e *events) check() {
	ours, theirs := net.Pipe()
	m := &monitor{q: e.q, negotiated: true, out: newOutbox(theirs)}
	e.q.Do(func() {
		e.q.monitors = append(e.q.monitors, m)
		e.q.state = "running"
		e.q.guestPowersOff()
		e.q.state = "running"
		e.q.guestPanics()
		e.q.reset(false, "host-qmp-system-reset")
		e.q.powerdown()
		e.q.cont()
		e.q.stop()
		e.q.emit("DEVICE_DELETED", map[string]string{"device": "d", "path": "/machine/peripheral/d"})
		e.q.emit("JOB_STATUS_CHANGE", map[string]string{"id": "j", "status": "null"})
		e.q.quit("host-qmp-quit")
	})
	d := json.NewDecoder(ours)
	seen := map[string]bool{}
	for {
		var m struct {
			Event string
			Data  json.RawMessage
		}
		if err := d.Decode(&m); err == io.EOF {
			break
		} else if err != nil {
			e.t.Fatal(err)
		}
		seen[m.Event] = true
		for _, p := range e.q.schema.CheckEvent(m.Event, m.Data) {
			e.t.Error(p)
		}
	}
	if len(seen) != 8 {
		e.t.Errorf("only %d kinds of event came: %v", len(seen), seen)
	}
	_ = ours.Close()
}
