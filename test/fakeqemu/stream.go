package fakeqemu

import (
	"bytes"
	"net"
	"sync"
)

// cut takes the first JSON value, or the first word that is none, off a stream; nil if it is not
// whole yet.
func cut(stream []byte) (value, rest []byte) {
	stream = bytes.TrimLeft(stream, " \t\r\n")
	if len(stream) == 0 {
		return nil, nil
	}
	if stream[0] != '{' && stream[0] != '[' {
		if i := bytes.IndexAny(stream, " \t\r\n{["); i >= 0 {
			return stream[:i], stream[i:]
		}
		return nil, stream
	}
	depth, inString := 0, false
	for i := 0; i < len(stream); i++ {
		switch b := stream[i]; {
		case inString && b == '\\':
			i++
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			if depth--; depth == 0 {
				return bytes.Clone(stream[:i+1]), stream[i+1:]
			}
		}
	}
	return nil, stream
}

// outbox sends what is put into it, however slow the reader: QEMU too buffers without end.
type outbox struct {
	conn net.Conn
	done chan struct{}

	mu     sync.Mutex
	wake   *sync.Cond
	queue  [][]byte
	closed bool
}

func newOutbox(c net.Conn) *outbox {
	o := &outbox{conn: c, done: make(chan struct{})}
	o.wake = sync.NewCond(&o.mu)
	go o.send()
	return o
}

func (o *outbox) put(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.queue = append(o.queue, b)
		o.wake.Signal()
	}
}

// close closes the connection once everything is out.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wake.Signal()
}

func (o *outbox) send() {
	defer close(o.done)
	defer func() { _ = o.conn.Close() }()
	for {
		o.mu.Lock()
		for len(o.queue) == 0 && !o.closed {
			o.wake.Wait()
		}
		batch := bytes.Join(o.queue, nil)
		o.queue = nil
		over := o.closed
		o.mu.Unlock()
		if _, err := o.conn.Write(batch); err != nil || over {
			return
		}
	}
}
