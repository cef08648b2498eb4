package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is the other end of a conversation, spoken by the test word by word.
type peer struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

type request struct {
	Execute string          `json:"execute"`
	OOB     string          `json:"exec-oob"`
	Args    json.RawMessage `json:"arguments"`
	ID      string          `json:"id"`
}

const greets = `{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22},"package":"Debian"},"capabilities":["oob"]}}`

func meet(t testing.TB, o Options) (*Client, *peer) {
	t.Helper()
	ours, theirs := net.Pipe()
	o.Name = `vm "web"`
	c := New(ours, o)
	t.Cleanup(func() { _ = c.Close(); _ = theirs.Close() })
	return c, &peer{t, theirs, bufio.NewReader(theirs)}
}

// ready is meet after negotiation.
func ready(t testing.TB, o Options) (*Client, *peer) {
	t.Helper()
	c, p := meet(t, o)
	done := make(chan error, 1)
	go func() { _, err := c.Negotiate(context.Background()); done <- err }()
	p.say(greets)
	p.answer(p.hear(), `{}`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, p
}

func (p *peer) say(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.conn, format+"\r\n", args...); err != nil {
		p.t.Error(err)
	}
}

func (p *peer) hear() request {
	p.t.Helper()
	line, err := p.r.ReadBytes('\n')
	if err != nil {
		p.t.Error(err)
	}
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		p.t.Errorf("%q: %v", line, err)
	}
	return r
}

func (p *peer) answer(r request, value string) { p.say(`{"return": %s, "id": %q}`, value, r.ID) }

func (p *peer) refuse(r request, class, desc string) {
	p.say(`{"error": {"class": %q, "desc": %q}, "id": %q}`, class, desc, r.ID)
}

// result is what became of an Execute in the background.
type result struct {
	value json.RawMessage
	err   error
}

func execute(ctx context.Context, c *Client, cmd Command) <-chan result {
	out := make(chan result, 1)
	go func() {
		v, err := c.Execute(ctx, cmd)
		out <- result{v, err}
	}()
	return out
}

// filePipe is a stream that takes files, and remembers them.
type filePipe struct {
	net.Conn
	sent chan int // how many went with each message
}

func (f *filePipe) SendFiles(p []byte, files []*os.File) (int, error) {
	f.sent <- len(files)
	return f.Write(p)
}
