package helper

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/door"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
)

// maxConnections bounds what hvd can make us hold; it has about ten.
const maxConnections = 64

// listening is how long hvd may leave answers unread before we give its connection up: the helper must be
// able to end whatever hvd does.
const listening = 2 * time.Second

// server answers connections, each by itself, one request after the other.
type server struct {
	helper    *Helper
	hvd, root uint32 // who may ask

	mu    sync.Mutex
	conns map[*packet.Conn]bool
	ended bool
	wait  sync.WaitGroup
}

// serve accepts until ctx ends, then lets what is being answered be answered.
func (s *server) serve(ctx context.Context, l *packet.Listener) error {
	s.conns = map[*packet.Conn]bool{}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // Accept says so
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, os.ErrClosed) && s.survive(err) {
				continue
			}
			s.drain()
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		s.welcome(conn)
	}
}

// survive waits a moment where too many files are open: connections end and the next Accept works.
func (s *server) survive(err error) bool {
	s.helper.say("cannot accept a connection: %v", err)
	time.Sleep(100 * time.Millisecond)
	return true
}

func (s *server) drain() {
	s.mu.Lock()
	s.ended = true
	for conn := range s.conns {
		_ = conn.Drain() // a connection that has ended needs none
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// welcome starts to answer hvd and root; anybody else gets nothing, not even a refusal.
func (s *server) welcome(conn *packet.Conn) {
	peer, err := conn.Peer()
	if err != nil || (peer.UID != s.hvd && peer.UID != s.root) {
		s.helper.say("refused a connection of uid %d (pid %d)", peer.UID, peer.PID)
		_ = conn.Close() // nothing was said
		return
	}
	s.mu.Lock()
	full := len(s.conns) >= maxConnections || s.ended
	if !full {
		s.conns[conn] = true
		s.wait.Add(1)
	}
	s.mu.Unlock()
	if full {
		_ = conn.Close() // nothing was said
		return
	}
	go func() {
		defer s.wait.Done()
		defer s.forget(conn)
		s.converse(conn)
	}()
}

func (s *server) forget(conn *packet.Conn) {
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	_ = conn.Close() // whatever was sent, was sent
}

func (s *server) converse(conn *packet.Conn) {
	buf := make([]byte, privilege.MaxMessage)
	for {
		n, files, err := conn.Recv(buf, privilege.MaxFiles)
		var answer any
		var reply []*os.File
		switch {
		case errors.Is(err, packet.ErrTooLarge):
			err = fault.New(fault.Invalid, "a request has at most %d bytes and %d files", privilege.MaxMessage, privilege.MaxFiles).Because(err)
		case err != nil:
			return
		default:
			answer, reply, err = s.answer(buf[:n], files)
		}
		packet.CloseAll(files)
		_ = conn.SetSendDeadline(time.Now().Add(listening)) // a connection that has ended needs none
		err = conn.Send(pack(answer, err), reply)
		packet.CloseAll(reply)
		if err != nil {
			return // hvd has gone; what was done is found by list
		}
	}
}

// answer does one request. Whatever goes wrong in it, the helper goes on.
func (s *server) answer(message []byte, files []*os.File) (reply any, out []*os.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.helper.say("mistake in hv-helper: %v\n%s", r, debug.Stack())
			reply, out, err = nil, nil, fault.New(fault.Internal, "a mistake in hv-helper: %v", r)
		}
	}()
	verb, body, err := door.Let(message, files)
	if err != nil {
		return nil, nil, err
	}
	return s.helper.do(verb, body, files)
}

// pack makes the message that travels back.
func pack(reply any, err error) []byte {
	a := privilege.Answer{Failure: privilege.FailureOf(err)}
	if err == nil && reply != nil {
		a.Body, err = json.Marshal(reply)
		a.Failure = privilege.FailureOf(err)
	}
	data, err := json.Marshal(a)
	if err == nil && len(data) > privilege.MaxMessage {
		err = fault.New(fault.Exhausted, "the answer has %d bytes; a message has at most %d", len(data), privilege.MaxMessage)
	}
	if err != nil {
		data, _ = json.Marshal(privilege.Answer{Failure: privilege.FailureOf(err)}) // strings always encode
	}
	return data
}
