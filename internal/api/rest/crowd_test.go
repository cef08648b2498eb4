package rest

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestOneUserCannotTakeEverybodysConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var who atomic.Uint32
	who.Store(1000)
	c := bounded(l)
	c.most, c.who = 2, func(net.Conn) (uint32, bool) { return who.Load(), true }
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			conn, err := c.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	var held []net.Conn
	defer func() {
		for _, conn := range held {
			_ = conn.Close()
		}
		_ = l.Close()
		<-accepted
	}()
	enter := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		inside := <-accepted
		held = append(held, conn, inside)
		return inside
	}
	first := enter()
	enter()

	// The third is told why, in the API's own words.
	over := client.New(client.Options{Address: "it", Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}})
	defer over.Close()
	if _, err := over.Host(t.Context()); fault.KindOf(err) != fault.Exhausted || fault.CodeOf(err) != wire.CodeTooMany || fault.HintOf(err) == "" {
		t.Errorf("the third of two: %v", err)
	}
	_ = first.Close() // and once more: it counts once
	_ = first.Close()
	enter()

	who.Store(0)
	enter()
	who.Store(1001)
	enter()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.has) != 2 || c.has[1000] != 2 || c.has[1001] != 1 {
		t.Errorf("counted %v", c.has)
	}
}
