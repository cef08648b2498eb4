package agent

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// session is the conversation with one guest whose agent's port is open. The connection stays while it is: an agent
// without anybody at the other end wakes its guest ten times a second to see whether somebody has come.
type session struct {
	agents *Agents
	uuid   string

	ctx  context.Context // ends with the port
	stop context.CancelFunc
	once sync.Once

	turn chan struct{} // holds one who asks
	conn net.Conn      // nil between two conversations; whoever has the turn has it
	from *bufio.Reader

	mu     sync.Mutex
	frozen *time.Timer // thaws what was frozen from here; nil where nothing is
	facts  vm.GuestStatus
	asked  time.Time // when it was last asked to power off
}

func newSession(a *Agents, uuid string) *session {
	s := &session{agents: a, uuid: uuid, turn: make(chan struct{}, 1)}
	s.ctx, s.stop = context.WithCancel(a.ctx)
	return s
}

// begin has the guest asked what it is.
func (s *session) begin() {
	s.once.Do(func() {
		s.agents.mu.Lock()
		defer s.agents.mu.Unlock()
		if s.agents.ctx.Err() == nil {
			s.agents.wg.Go(s.follow)
		}
	})
}

// end is called when the port is closed: whoever waits for an answer is told.
func (s *session) end() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen != nil {
		s.frozen.Stop()
		s.frozen = nil
	}
	if f := s.facts; f.Answers && s.agents.ctx.Err() == nil {
		f.Answers, f.Frozen = false, false
		s.facts = f
		s.agents.Found(s.uuid, f)
	}
}

// follow asks the guest about itself, at its times, until the port is closed.
func (s *session) follow() {
	defer s.hangUp()
	for i := 0; ; i++ {
		if _, err := s.look(s.ctx); err != nil && s.ctx.Err() == nil {
			s.agents.Log.Debug("a guest agent does not answer", "vm", s.uuid, "err", err)
		}
		again := time.NewTimer(s.agents.Again[min(i, len(s.agents.Again)-1)])
		select {
		case <-again.C:
		case <-s.ctx.Done():
			again.Stop()
			return
		}
	}
}

// hangUp closes the connection, once nobody uses it.
func (s *session) hangUp() {
	s.turn <- struct{}{}
	s.drop()
	<-s.turn
}

func (s *session) drop() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// ask has the guest do one command, and waits for its answer.
func (s *session) ask(ctx context.Context, command string, args, into any) error {
	return s.askWithin(ctx, s.agents.Within, maxReply, command, args, into)
}

// askWithin waits that long for its turn, and then that long for the answer.
func (s *session) askWithin(ctx context.Context, within time.Duration, limit int, command string, args, into any) error {
	done, err := s.take(ctx, within)
	if err != nil {
		return err
	}
	defer done()
	return s.converse(ctx, within, limit, command, args, into)
}

// converse is askWithin for whoever has the turn.
func (s *session) converse(ctx context.Context, within time.Duration, limit int, command string, args, into any) error {
	end, err := s.reach(ctx, within)
	if err != nil {
		return err
	}
	defer end()
	r, err := s.exchange(command, args, limit)
	if err != nil {
		s.drop() // what comes of it later is skipped by the next conversation
		return s.why(ctx, command, err)
	}
	return r.result(command, into)
}

// take waits for one's turn, as long as within: who had it before may wait minutes for a guest that is silent.
func (s *session) take(ctx context.Context, within time.Duration) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-s.ctx.Done():
		return nil, silent()
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "another request to the guest agent is under way").
			Try("wait until it has ended, and try again").WithCode("HV-GUEST-001").Because(context.Cause(ctx))
	}
}

// reach makes sure of a connection on which the agent listens to us, and of an end of the waiting.
func (s *session) reach(ctx context.Context, within time.Duration) (func(), error) {
	fresh := s.conn == nil
	if fresh {
		path, err := s.agents.Socket(s.uuid, socketName)
		if err != nil {
			return nil, err
		}
		d := net.Dialer{Timeout: min(within, 5*time.Second)}
		if s.conn, err = d.DialContext(ctx, "unix", path); err != nil {
			s.conn = nil
			return nil, silent().Because(err)
		}
		s.from = bufio.NewReaderSize(s.conn, 16<<10)
	}
	conn := s.conn
	_ = conn.SetDeadline(time.Now().Add(within))
	now := func() { _ = conn.SetDeadline(time.Unix(1, 0)) }
	one, two := context.AfterFunc(ctx, now), context.AfterFunc(s.ctx, now)
	end := func() { one(); two() }
	if fresh {
		if err := s.sync(); err != nil {
			end()
			s.drop()
			return nil, s.why(ctx, "guest-sync-delimited", err)
		}
	}
	return end, nil
}

// sync begins a conversation: what an earlier one has left, on either side, is not in it.
func (s *session) sync() error {
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails
	id := int64(binary.LittleEndian.Uint32(random[:]) >> 1)
	line, err := encode("guest-sync-delimited", map[string]int64{"id": id})
	if err != nil {
		return err
	}
	if _, err := s.conn.Write(append([]byte{sentinel}, line...)); err != nil {
		return err
	}
	for {
		if err := skip(s.from); err != nil {
			return err
		}
		r, err := readReply(s.from, maxReply)
		if err != nil {
			return err
		}
		var got int64
		if r.result("guest-sync-delimited", &got) == nil && got == id {
			return nil
		}
	}
}

func (s *session) exchange(command string, args any, limit int) (reply, error) {
	line, err := encode(command, args)
	if err != nil {
		return reply{}, fault.New(fault.Internal, "%s cannot be sent", command).Because(err)
	}
	if _, err := s.conn.Write(line); err != nil {
		return reply{}, err
	}
	return readReply(s.from, limit)
}

// why says why there is no answer.
func (s *session) why(ctx context.Context, command string, err error) error {
	switch {
	case s.ctx.Err() != nil:
		return silent()
	case ctx.Err() != nil:
		return fault.New(fault.Unavailable, "nobody waits for the answer to %s any more", command).Because(context.Cause(ctx))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.New(fault.Unavailable, "its guest agent has the port open and does not answer %s in time", command).
			Try("the guest may be busy: try again; or start qemu-guest-agent in it anew").WithCode("HV-GUEST-001")
	case ended(err):
		return silent().Because(err)
	case fault.CodeOf(err) != "":
		return err
	}
	return silent().Because(err)
}
