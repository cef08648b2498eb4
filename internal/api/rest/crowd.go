package rest

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// maxCrowd is how many connections one user may have at once: some dozens of consoles and as many streams. With
// it one member of the API's group cannot take all of hvd's file descriptors from the others. Root always gets in.
const maxCrowd = 256

// crowd is a listener that counts each user's connections, and turns away who has too many.
type crowd struct {
	net.Listener
	who  func(net.Conn) (uint32, bool)
	most int

	turned chan struct{} // who is being told

	mu  sync.Mutex
	has map[uint32]int
}

func bounded(l net.Listener) *crowd {
	return &crowd{Listener: l, who: peer, most: maxCrowd, has: map[uint32]int{}, turned: make(chan struct{}, maxTurned)}
}

// Accept returns the next connection of somebody who may have one more.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, known := c.who(conn)
		if !known || uid == 0 {
			return conn, nil
		}
		if c.enter(uid) {
			return &visitor{Conn: conn, leave: sync.OnceFunc(func() { c.leave(uid) })}, nil
		}
		c.turnAway(conn, uid)
	}
}

// maxTurned is how many are told at once why they are turned away; more are just closed.
const maxTurned = 16

func (c *crowd) turnAway(conn net.Conn, uid uint32) {
	select {
	case c.turned <- struct{}{}:
		go func() {
			tell(conn, uid, c.most)
			<-c.turned
		}()
	default:
		_ = conn.Close() // he does not listen anyway
	}
}

func (c *crowd) enter(uid uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has[uid] >= c.most {
		return false
	}
	c.has[uid]++
	return true
}

func (c *crowd) leave(uid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has[uid]--; c.has[uid] == 0 {
		delete(c.has, uid)
	}
}

// tell says why, and closes. It waits for the request: an answer to none would be none to a client.
func tell(conn net.Conn, uid uint32, most int) {
	defer func() { _ = conn.Close() }() // said or not, that is all
	body, err := json.Marshal(wire.Problem{
		Type: "about:blank", Title: fault.Exhausted.Error(), Status: tooMany, Code: wire.CodeTooMany,
		Detail: fmt.Sprintf("user %d has %d connections; that is as many as one may have", uid, most), Remedy: "close some: hv events, hv vm console, hv vm logs --follow",
	})
	if err != nil || conn.SetDeadline(time.Now().Add(time.Second)) != nil {
		return
	}
	if _, err := conn.Read(make([]byte, maxHeader)); err != nil {
		return
	}
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s", len(body), body)
}

const tooMany = 429

// visitor is a connection that is counted until it is closed.
type visitor struct {
	net.Conn
	leave func()
}

// Close closes the connection and makes room for another.
func (v *visitor) Close() error {
	defer v.leave()
	return v.Conn.Close()
}
