package qmp

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestNegotiationEnablesWhatQEMUOffers(t *testing.T) {
	for offered, want := range map[string]string{
		`["oob"]`:        `{"enable":["oob"]}`,
		`[]`:             `{}`,
		`["oob", "new"]`: `{"enable":["oob"]}`,
	} {
		c, p := meet(t, Options{})
		done := make(chan error, 1)
		go func() {
			g, err := c.Negotiate(t.Context())
			if err == nil && !g.Version.AtLeast(7, 2) {
				err = errors.New("the version is lost")
			}
			done <- err
		}()
		p.say(`{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22},"package":""},"capabilities":%s}}`, offered)
		r := p.hear()
		if r.Execute != "qmp_capabilities" || string(r.Args) != want {
			t.Errorf("asked for %s %s, want %s", r.Execute, r.Args, want)
		}
		p.answer(r, `{}`)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestASilentMonitorIsSaidToBeHeldByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := meet(t, Options{})
		start := time.Now()
		_, err := c.Negotiate(t.Context())
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %s", took)
		}
		if !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), `vm "web": the monitor is held by another process`) {
			t.Errorf("error is %v", err)
		}
		if fault.HintOf(err) == "" {
			t.Error("it says nothing about what to do")
		}
	})
}

func TestNegotiationEndsWithItsContext(t *testing.T) {
	c, _ := meet(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Negotiate(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, fault.Unavailable) {
		t.Errorf("error is %v", err)
	}
}

func TestAnswersFindTheirCommandsInAnyOrder(t *testing.T) {
	c, p := ready(t, Options{})
	first := execute(t.Context(), c, Command{Name: "query-block"})
	slow := p.hear()
	second := execute(t.Context(), c, Command{Name: "migrate-pause", OOB: true})
	quick := p.hear()
	if quick.OOB != "migrate-pause" || quick.Execute != "" {
		t.Errorf("not sent out of band: %+v", quick)
	}
	p.answer(quick, `"quick"`)
	if r := <-second; r.err != nil || string(r.value) != `"quick"` {
		t.Errorf("got %s, %v", r.value, r.err)
	}
	p.answer(slow, `"slow"`)
	if r := <-first; r.err != nil || string(r.value) != `"slow"` {
		t.Errorf("got %s, %v", r.value, r.err)
	}
}

func TestOutOfBandIsRefusedWhereQEMUDoesNotOfferIt(t *testing.T) {
	c, _ := meet(t, Options{})
	_, err := c.Execute(t.Context(), Command{Name: "yank", OOB: true})
	if !errors.Is(err, fault.Precondition) {
		t.Errorf("error is %v", err)
	}
}

func TestALateAnswerIsDroppedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := ready(t, Options{})
		out := execute(t.Context(), c, Command{Name: "query-block"}) // no deadline of its own
		r := p.hear()
		late := <-out
		if !errors.Is(late.err, fault.Unavailable) || !errors.Is(late.err, context.DeadlineExceeded) {
			t.Errorf("error is %v", late.err)
		}
		if want := `vm "web": QEMU has not answered query-block`; !strings.HasPrefix(late.err.Error(), want) {
			t.Errorf("error %q does not begin with %q", late.err, want)
		}
		if s := c.Stats(); s.GivenUp != 1 || s.Waiting != 1 {
			t.Errorf("not accounted: %+v", s)
		}
		p.answer(r, `"late"`)
		next := execute(t.Context(), c, Command{Name: "query-status"})
		p.answer(p.hear(), `"right"`)
		if got := <-next; string(got.value) != `"right"` {
			t.Errorf("got %s, %v", got.value, got.err)
		}
		if s := c.Stats(); s.Late != 1 || s.Waiting != 0 {
			t.Errorf("not accounted: %+v", s)
		}
	})
}

func TestAnAnswerToTheClientBeforeUsIsNotOurs(t *testing.T) {
	c, p := ready(t, Options{})
	out := execute(t.Context(), c, Command{Name: "query-status"})
	r := p.hear()
	p.answer(request{ID: "000000000000-2"}, `"another's"`)
	p.say(`{"return": "a number's", "id": 2}`)
	p.say(`{"return": "nobody's"}`)
	p.answer(r, `"ours"`)
	if got := <-out; string(got.value) != `"ours"` {
		t.Errorf("got %s, %v", got.value, got.err)
	}
	if s := c.Stats(); s.Unmatched != 3 {
		t.Errorf("not counted: %+v", s)
	}
}

func TestQEMUNeverGetsMoreCommandsThanItQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := ready(t, Options{})
		var sent []request
		var outs []<-chan result
		for range inBand + 1 {
			outs = append(outs, execute(t.Context(), c, Command{Name: "query-block"}))
		}
		for range inBand {
			sent = append(sent, p.hear())
		}
		synctest.Wait() // the last one waits for its turn
		urgent := execute(t.Context(), c, Command{Name: "yank", OOB: true})
		if r := p.hear(); r.OOB != "yank" {
			t.Errorf("%q went before the out-of-band command", r.Execute)
		} else {
			p.answer(r, `{}`)
		}
		<-urgent
		p.answer(sent[0], `{}`)
		p.answer(p.hear(), `{}`)
		for _, r := range sent[1:] {
			p.answer(r, `{}`)
		}
		for _, out := range outs {
			if r := <-out; r.err != nil {
				t.Error(r.err)
			}
		}
	})
}

func TestACommandThatCannotEvenBeSentSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := ready(t, Options{})
		for range inBand {
			execute(t.Context(), c, Command{Name: "query-block"})
			p.hear()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Execute(ctx, Command{Name: "query-status"})
		if !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "cannot send query-status while QEMU owes answers") {
			t.Errorf("error is %v", err)
		}
		_ = c.Close()
	})
}

func TestEverybodyWhoWaitsIsToldOfTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*Client, *peer)
		want string
		eof  bool
	}{
		"closed by us":      {func(c *Client, _ *peer) { _ = c.Close() }, `vm "web": the monitor was closed`, false},
		"closed by QEMU":    {func(_ *Client, p *peer) { _ = p.conn.Close() }, `vm "web": QEMU closed the monitor`, true},
		"garbage":           {func(_ *Client, p *peer) { p.say("hello") }, `vm "web": the monitor broke: byte 'h'`, false},
		"a second greeting": {func(_ *Client, p *peer) { p.say(greets); p.say(greets) }, `a second greeting`, false},
		"not understood":    {func(_ *Client, p *peer) { p.say(`{"error":{"class":"GenericError","desc":"JSON parse error"}}`) }, `QEMU did not understand us: JSON parse error`, false},
		"half a line": {func(_ *Client, p *peer) {
			_, _ = io.WriteString(p.conn, `{"event": "ST`)
			_ = p.conn.Close()
		}, `half a message (13 bytes)`, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, p := ready(t, Options{})
			events := client.Subscribe()
			out := execute(t.Context(), client, Command{Name: "query-block"})
			p.hear()
			c.end(client, p)
			r := <-out
			if !errors.Is(r.err, fault.Unavailable) || !strings.Contains(r.err.Error(), c.want) || !strings.Contains(r.err.Error(), "query-block") {
				t.Errorf("the command was told %v", r.err)
			}
			if _, err := events.Next(t.Context()); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the subscriber was told %v", err)
			}
			<-client.Done()
			if errors.Is(client.Err(), io.EOF) != c.eof {
				t.Errorf("the end is %v", client.Err())
			}
			if _, err := client.Execute(t.Context(), Command{Name: "query-status"}); !errors.Is(err, fault.Unavailable) {
				t.Errorf("a command after the end: %v", err)
			}
			if _, err := client.Subscribe().Next(t.Context()); !errors.Is(err, fault.Unavailable) {
				t.Errorf("a subscription after the end: %v", err)
			}
		})
	}
}

func TestAQEMUThatDoesNotReadIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := ready(t, Options{Command: time.Minute})
		out := execute(t.Context(), c, Command{Name: "query-status"}) // the peer never hears it
		if r := <-out; !errors.Is(r.err, fault.Unavailable) {
			t.Errorf("error is %v", r.err)
		}
		<-c.Done()
		if !strings.Contains(c.Err().Error(), "QEMU has not read its monitor for 5s") {
			t.Errorf("the end is %v", c.Err())
		}
	})
}

// deadEnd is a stream whose far side has gone, with words of its left to read.
type deadEnd struct {
	io.Reader
	net.Conn
}

func (d deadEnd) Read(p []byte) (int, error) { return d.Reader.Read(p) }
func (d deadEnd) Write([]byte) (int, error)  { return 0, io.ErrClosedPipe }

func TestLastWordsAreHeardAfterAFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words, pen := io.Pipe()
		_, far := net.Pipe()
		c := New(deadEnd{words, far}, Options{Name: `vm "web"`})
		events := c.Subscribe()
		if _, err := c.Execute(t.Context(), Command{Name: "cont"}); !errors.Is(err, fault.Unavailable) {
			t.Errorf("error is %v", err)
		}
		if _, err := c.Execute(t.Context(), Command{Name: "stop"}); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "QEMU reads no more") {
			t.Errorf("error is %v", err)
		}
		_, _ = io.WriteString(pen, `{"event":"SHUTDOWN","data":{"guest":true,"reason":"guest-shutdown"}}`)
		_ = pen.Close()
		e, err := events.Next(t.Context())
		if err != nil || e.Name != EventShutdown {
			t.Errorf("the last word is lost: %+v, %v", e, err)
		}
		<-c.Done()
		if !errors.Is(c.Err(), io.EOF) {
			t.Errorf("the end is %v", c.Err())
		}
	})
}

func TestACommandTooLongForQEMUIsNotSent(t *testing.T) {
	c, p := ready(t, Options{MaxMessage: 1000})
	_, err := c.Execute(t.Context(), Command{Name: "device_add", Args: map[string]string{"driver": strings.Repeat("x", 1000)}})
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("error is %v", err)
	}
	_, err = c.Execute(t.Context(), Command{Name: "device_add", Args: func() {}})
	if !errors.Is(err, fault.Internal) {
		t.Errorf("error is %v", err)
	}
	out := execute(t.Context(), c, Command{Name: "query-status"})
	p.answer(p.hear(), `{}`)
	if r := <-out; r.err != nil {
		t.Error("the conversation suffered:", r.err)
	}
}
