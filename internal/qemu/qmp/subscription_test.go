package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestEventsComeInOrderAndBeforeTheAnswerThatFollowedThem(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c, p := ready(t, Options{})
		defer func() { _ = c.Close(); _ = p.conn.Close() }()
		all, some := c.Subscribe(), c.Subscribe("E1", "E3")
		var wantAll, wantSome, gotAll, gotSome []string
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 1, 8).Draw(rt, "events before each answer") {
			out := execute(t.Context(), c, Command{Name: "query-status"})
			r := p.hear()
			for j := range n {
				name := fmt.Sprintf("E%d", rapid.IntRange(0, 3).Draw(rt, "event"))
				e := fmt.Sprintf(`%s {"n":%d}`, name, i*100+j)
				wantAll = append(wantAll, e)
				if name == "E1" || name == "E3" {
					wantSome = append(wantSome, e)
				}
				p.say(`{"event":%q,"data":{"n":%d}}`, name, i*100+j)
			}
			p.answer(r, `{}`)
			<-out
			gotAll, gotSome = append(gotAll, queued(rt, all)...), append(gotSome, queued(rt, some)...)
			if strings.Join(gotAll, ",") != strings.Join(wantAll, ",") || strings.Join(gotSome, ",") != strings.Join(wantSome, ",") {
				rt.Fatalf("after answer %d:\ngot  %v\nwant %v\ngot  %v\nwant %v", i, gotAll, wantAll, gotSome, wantSome)
			}
		}
	})
}

// queued takes what is there without waiting.
func queued(t *rapid.T, s *Subscription) []string {
	var out []string
	last := uint64(0)
	for {
		e, ok, err := s.take()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		if e.Seq <= last {
			t.Fatalf("event %d after %d", e.Seq, last)
		}
		last = e.Seq
		out = append(out, e.Name+" "+string(e.Data))
	}
}

func TestAReaderThatIsTooSlowLearnsHowMuchItMissed(t *testing.T) {
	for name, o := range map[string]Options{
		"too many": {MaxEvents: 3},
		"too big":  {MaxEventBytes: 3*len(`{"n":1}`) + 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, p := ready(t, o)
			s := c.Subscribe()
			for i := range 8 {
				p.say(`{"event":"RESET","data":{"n":%d}}`, i)
			}
			settle(t, c, p)
			for i := range 3 {
				if e, err := s.Next(t.Context()); err != nil || string(e.Data) != fmt.Sprintf(`{"n":%d}`, i) {
					t.Fatalf("event %d is %s, %v", i, e.Data, err)
				}
			}
			_, err := s.Next(t.Context())
			gap, ok := errors.AsType[*Overflow](err)
			if !ok || gap.Lost != 5 || !errors.Is(err, fault.Exhausted) {
				t.Fatalf("the gap is told as %v", err)
			}
			p.say(`{"event":"STOP"}`)
			if e, err := s.Next(t.Context()); err != nil || e.Name != EventStop || e.Seq != 9 {
				t.Errorf("after the gap came %+v, %v", e, err)
			}
		})
	}
}

// settle waits until the client has taken everything that was said.
func settle(t *testing.T, c *Client, p *peer) {
	t.Helper()
	out := execute(t.Context(), c, Command{Name: "query-status"})
	p.answer(p.hear(), `{}`)
	<-out
}

func TestASubscriptionMadeBeforeTheGreetingMissesNothing(t *testing.T) {
	c, p := meet(t, Options{})
	s := c.Subscribe()
	done := make(chan error, 1)
	go func() { _, err := c.Negotiate(context.Background()); done <- err }()
	p.say(greets)
	p.answer(p.hear(), `{}`)
	p.say(`{"event":"STOP","timestamp":{"seconds":5,"microseconds":0}}`)
	e, err := s.Next(t.Context())
	if err != nil || e.Name != EventStop || e.Seq != 1 || e.Time.Unix() != 5 || e.Data != nil {
		t.Errorf("got %+v, %v", e, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLastEventsAreReadAfterTheEnd(t *testing.T) {
	c, p := ready(t, Options{})
	s := c.Subscribe()
	p.say(`{"event":"SHUTDOWN","data":{"guest":false,"reason":"host-qmp-quit"}}`)
	_ = p.conn.Close()
	<-c.Done()
	e, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d, err := Data[ShutdownEvent](e); err != nil || d.Guest || d.Reason != CauseQuit {
		t.Errorf("got %+v, %v", d, err)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("the end is told as %v", err)
	}
}

func TestASubscriptionEndsWhenItIsClosed(t *testing.T) {
	c, p := ready(t, Options{})
	s := c.Subscribe()
	s.Close()
	p.say(`{"event":"STOP"}`)
	settle(t, c, p)
	if _, err := s.Next(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestWaitingForAnEventEndsWithTheContext(t *testing.T) {
	c, _ := ready(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Subscribe().Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDataOfAnotherEventIsRefused(t *testing.T) {
	_, err := Data[ShutdownEvent](Event{Name: EventShutdown, Data: json.RawMessage(`{"guest":1}`)})
	if !errors.Is(err, fault.Internal) || !strings.Contains(err.Error(), "SHUTDOWN") {
		t.Errorf("got %v", err)
	}
}
