//go:build linux

package privilege

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// standIn answers as hv-helper does, by a function.
type standIn struct {
	t    *testing.T
	path string
	l    *packet.Listener
	wait sync.WaitGroup

	mu    sync.Mutex
	conns []*packet.Conn
	seen  int // connections
}

type answerer func(verb Verb, body json.RawMessage, files []*os.File) (Answer, []*os.File)

func newStandIn(t *testing.T, answer answerer) *standIn {
	t.Helper()
	s := &standIn{t: t, path: filepath.Join(t.TempDir(), "s")}
	s.start(answer)
	t.Cleanup(s.stop)
	return s
}

func (s *standIn) start(answer answerer) {
	s.t.Helper()
	var err error
	if s.l, err = packet.Listen(s.path); err != nil {
		s.t.Fatal(err)
	}
	l := s.l
	s.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns, s.seen = append(s.conns, conn), s.seen+1
			s.mu.Unlock()
			s.wait.Go(func() { converse(conn, answer) })
		}
	})
}

func converse(conn *packet.Conn, answer answerer) {
	defer func() { _ = conn.Close() }() // the test is over
	buf := make([]byte, MaxMessage)
	for {
		n, files, err := conn.Recv(buf, MaxFiles)
		if err != nil {
			return
		}
		var r struct {
			Verb Verb
			Body json.RawMessage
		}
		if err := json.Unmarshal(buf[:n], &r); err != nil {
			return
		}
		a, out := answer(r.Verb, r.Body, files)
		packet.CloseAll(files)
		data, err := json.Marshal(a)
		if err == nil {
			err = conn.Send(data, out)
		}
		packet.CloseAll(out)
		if err != nil {
			return
		}
	}
}

// stop ends as a killed helper does: all connections at once.
func (s *standIn) stop() {
	_ = s.l.Close() // Accept ends
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close() // Recv ends
	}
	s.conns = nil
	s.mu.Unlock()
	s.wait.Wait()
	_ = os.Remove(s.path) // a helper that was killed leaves it, the next one replaces it
}

func hello(Verb, json.RawMessage, []*os.File) (Answer, []*os.File) {
	return Answer{Body: json.RawMessage(`{"version":"v1","aFieldOfALaterBuild":1}`)}, nil
}

func TestFilesTravelBothWays(t *testing.T) {
	s := newStandIn(t, func(_ Verb, _ json.RawMessage, files []*os.File) (Answer, []*os.File) {
		text := make([]byte, 5)
		if _, err := files[1].ReadAt(text, 0); err != nil || len(files) != 2 {
			return Answer{Failure: FailureOf(fmt.Errorf("%d files, %w", len(files), err))}, nil
		}
		r, w, err := os.Pipe()
		if err != nil {
			return Answer{Failure: FailureOf(err)}, nil
		}
		_, err = w.Write(append([]byte("back: "), text...))
		_ = w.Close() // read by the other side
		return Answer{Failure: FailureOf(err), Body: json.RawMessage(`{"pid":42}`)}, []*os.File{r}
	})
	c := Dial(s.path)
	defer c.Close()
	var files []*os.File
	for _, text := range []string{"first", "2nd !"} {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	reply, got, err := c.Launch(t.Context(), Launch{Files: []string{"a", "b"}}, files)
	if err != nil || reply.PID != 42 {
		t.Fatalf("%+v, %v", reply, err)
	}
	defer func() { _ = got.Close() }()
	text := make([]byte, 64)
	if n, err := got.Read(text); err != nil || string(text[:n]) != "back: 2nd !" {
		t.Errorf("%q, %v", text[:n], err)
	}
}

func TestAHelperThatIsAwayIsUnavailableAndIsFoundWhenItIsBack(t *testing.T) {
	s := newStandIn(t, hello)
	c := Dial(s.path)
	defer c.Close()
	if h, err := c.Hello(t.Context()); err != nil || h.Version != "v1" {
		t.Fatalf("%+v, %v", h, err)
	}
	s.stop()
	if _, err := c.Hello(t.Context()); !fault.Retryable(err) || fault.HintOf(err) == "" {
		t.Errorf("away: %v", err)
	}
	s.start(hello)
	if _, err := c.Hello(t.Context()); err != nil {
		t.Errorf("back: %v", err)
	}
}

func TestAHelperThatEndsInTheMiddleIsUnavailable(t *testing.T) {
	kill := make(chan func(), 1)
	s := newStandIn(t, func(Verb, json.RawMessage, []*os.File) (Answer, []*os.File) {
		(<-kill)()
		return Answer{}, nil
	})
	kill <- func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.conns {
			_ = c.Close() // as a kill would
		}
	}
	c := Dial(s.path)
	defer c.Close()
	err := c.Kill(t.Context(), "vm", SignalKill)
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(fault.HintOf(err), "look before") {
		t.Errorf("%v", err)
	}
}

func TestACallEndsWithItsContextAndDisturbsNoOther(t *testing.T) {
	release := make(chan bool)
	var once sync.Once
	entered := make(chan bool)
	s := newStandIn(t, func(v Verb, b json.RawMessage, f []*os.File) (Answer, []*os.File) {
		if v == VerbKVM {
			once.Do(func() { close(entered) })
			<-release
		}
		return hello(v, b, f)
	})
	c := Dial(s.path)
	defer c.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() { _, err := c.KVM(ctx); done <- err }()
	<-entered
	if _, err := c.Hello(t.Context()); err != nil {
		t.Errorf("beside a call that waits: %v", err)
	}
	cancel(errors.New("no more interest"))
	if err := <-done; fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "no more interest") {
		t.Errorf("%v", err)
	}
	close(release)
	if h, err := c.Hello(t.Context()); err != nil || h.Version != "v1" {
		t.Errorf("the late answer met another question: %+v, %v", h, err)
	}
}

func TestManyCallsAtOnceEachGetTheirOwnAnswer(t *testing.T) {
	s := newStandIn(t, func(_ Verb, body json.RawMessage, _ []*os.File) (Answer, []*os.File) {
		var u Usage
		if err := json.Unmarshal(body, &u); err != nil {
			return Answer{Failure: FailureOf(err)}, nil
		}
		return Answer{Body: json.RawMessage(fmt.Sprintf(`{"vms":[{"vm":%q}]}`, u.VMs[0]))}, nil
	})
	c := Dial(s.path)
	defer c.Close()
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			for j := range 20 {
				want := fmt.Sprintf("%d-%d", i, j)
				got, err := c.Usage(t.Context(), Usage{VMs: []string{want}})
				if err != nil || len(got) != 1 || got[0].VM != want {
					t.Errorf("%s: %v, %v", want, got, err)
				}
			}
		})
	}
	wait.Wait()
	if s.seen > 20+maxIdle {
		t.Logf("%d connections", s.seen) // more than were open at once: idle ones beyond the limit are closed
	}
}

func TestAnswersThatAreNotWhatTheyShouldBeAreRefused(t *testing.T) {
	pipe := func() []*os.File {
		r, w, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return nil
		}
		_ = w.Close() // one end will do
		return []*os.File{r}
	}
	for name, answer := range map[string]answerer{
		"a file too many": func(Verb, json.RawMessage, []*os.File) (Answer, []*os.File) {
			return Answer{Body: json.RawMessage(`{}`)}, append(pipe(), pipe()...)
		},
		"no file": func(Verb, json.RawMessage, []*os.File) (Answer, []*os.File) {
			return Answer{Body: json.RawMessage(`{}`)}, nil
		},
		"a body of another shape": func(Verb, json.RawMessage, []*os.File) (Answer, []*os.File) {
			return Answer{Body: json.RawMessage(`[]`)}, pipe()
		},
	} {
		s := newStandIn(t, answer)
		c := Dial(s.path)
		if _, f, err := c.Launch(t.Context(), Launch{}, nil); fault.KindOf(err) != fault.Internal || f != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
		s.stop()
	}
}

func TestTooLargeARequestIsNotEvenSent(t *testing.T) {
	c := Dial(filepath.Join(t.TempDir(), "nobody"))
	defer c.Close()
	_, _, err := c.Launch(t.Context(), Launch{Args: []string{strings.Repeat("x", MaxMessage)}}, nil)
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
	if _, _, err := c.Launch(t.Context(), Launch{}, make([]*os.File, MaxFiles+1)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}

func TestAListOfManyPagesIsOneList(t *testing.T) {
	s := newStandIn(t, func(_ Verb, body json.RawMessage, _ []*os.File) (Answer, []*os.File) {
		var l List
		if err := json.Unmarshal(body, &l); err != nil {
			return Answer{Failure: FailureOf(err)}, nil
		}
		page := map[string]string{
			"":  `{"vms":[{"vm":"a"},{"vm":"b"}],"next":"b","strays":["x"]}`,
			"b": `{"vms":[{"vm":"c"}]}`,
		}[l.After]
		return Answer{Body: json.RawMessage(page)}, nil
	})
	c := Dial(s.path)
	defer c.Close()
	got, err := c.List(t.Context())
	if err != nil || len(got.VMs) != 3 || got.VMs[2].VM != "c" || len(got.Strays) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"body":{"vms":[]}}`, `{"failure":{"kind":"not found","what":"x"}}`, `{}`, `{"body":null}`, `[`, `{"x":1}`} {
		f.Add([]byte(s), 0)
	}
	f.Fuzz(func(t *testing.T, data []byte, files int) {
		var l ListReply
		err := decodeAnswer(data, &l, files, 0)
		if err == nil && files != 0 {
			t.Error("files where none belong")
		}
	})
}
