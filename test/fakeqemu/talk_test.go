package fakeqemu

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a message; it is only ever used up by a failure.
const patience = 30 * time.Second

// talk is a conversation held message by message.
type talk struct {
	t        testing.TB
	conn     *net.UnixConn
	d        *json.Decoder
	greeting json.RawMessage
	serial   net.Conn // where a step waits for it
	frail    bool     // its QEMU may die; the talk ends by a panic with errDied then
}

// descriptors makes what argv expects from number 3 on, and the path of the monitor.
func descriptors(t testing.TB, dir string) (files []*os.File, monitor string) {
	t.Helper()
	monitor = filepath.Join(dir, "qmp")
	disk, err := os.OpenFile(filepath.Join(dir, "disk"), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = disk.Truncate(1 << 20)
	}
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return []*os.File{listen(t, monitor), disk, listen(t, filepath.Join(dir, "serial")), log}, monitor
}

func listen(t testing.TB, path string) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	return f
}

func dial(t testing.TB, path string) *talk {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	return meet(t, c)
}

// watch connects to the serial console, which QEMU does not buffer for those who come later.
func watch(t testing.TB, monitor string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", filepath.Join(filepath.Dir(monitor), "serial"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// meet hears the greeting.
func meet(t testing.TB, c *net.UnixConn) *talk {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	k := &talk{t: t, conn: c, d: json.NewDecoder(c)}
	var hello struct{ QMP json.RawMessage }
	if err := json.Unmarshal(k.hear(), &hello); err != nil || hello.QMP == nil {
		t.Fatalf("no greeting: %v", err)
	}
	k.greeting = hello.QMP
	return k
}

func (k *talk) next() (json.RawMessage, error) {
	if err := k.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var raw json.RawMessage
	err := k.d.Decode(&raw)
	return raw, err
}

func (k *talk) hear() json.RawMessage {
	k.t.Helper()
	raw, err := k.next()
	if err != nil {
		k.t.Fatal(err)
	}
	return raw
}

// ask sends a request and hears everything that follows from it.
func (k *talk) ask(s step) Exchange {
	k.t.Helper()
	var rights []byte
	if s.file {
		f := os.Stdin
		if s.to != "" {
			var err error
			if f, err = os.OpenFile(s.to, os.O_WRONLY, 0); err != nil {
				k.t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
		}
		rights = syscall.UnixRights(int(f.Fd()))
	}
	if _, _, err := k.conn.WriteMsgUnix([]byte(s.send+"\n"), rights, nil); err != nil {
		k.t.Fatal(err)
	}
	out := Exchange{Send: s.send}
	for !s.over(out.Got) {
		raw, err := k.next()
		if k.frail && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
			panic(errDied)
		}
		if err != nil {
			k.t.Fatalf("%s: after %s: %v", s.send, out.Got, err)
		}
		out.Got = append(out.Got, raw)
	}
	if s.up {
		if _, err := io.ReadFull(k.serial, make([]byte, len("up\n"))); err != nil {
			k.t.Fatal(err)
		}
	}
	if strings.Contains(s.send, `"quit"`) {
		_, err := k.next()
		out.EOF = errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
	}
	return out
}

// errDied is panicked with by a talk with a QEMU that may die, and did.
var errDied = errors.New("QEMU has died")

// play holds a whole conversation.
func (k *talk) play(s scenario) Transcript {
	k.t.Helper()
	out := Transcript{Scenario: s.name}
	for _, step := range s.steps {
		x := k.ask(step)
		for i, raw := range x.Got {
			plain, err := blot(raw)
			if err != nil {
				k.t.Fatalf("%s: %v", raw, err)
			}
			x.Got[i] = plain
		}
		x.Got = tidy(x.Got)
		out.Steps = append(out.Steps, x)
	}
	return out
}

// readable is a transcript with one line a message, for diffs.
func readable(t Transcript) []string {
	var lines []string
	for _, s := range t.Steps {
		lines = append(lines, "> "+s.Send)
		for _, m := range s.Got {
			lines = append(lines, "< "+string(m))
		}
		if s.EOF {
			lines = append(lines, "end")
		}
	}
	return lines
}
