// Package agent is the hand that speaks to qemu-guest-agent in the guests: what they say of themselves, and the little
// that they do for their host.
//
// What lives here: the protocol, one request at a time for each VM, bounded in size and time, for a guest is nobody's
// friend. What does not: who may ask (action), and the socket, which hv-helper makes and QEMU listens on.
//
// Nobody is asked again and again: a guest that opens its agent's port is asked then, twice more within half a minute,
// when its network is up, and from then on every quarter of an hour.
// Source: qga/qapi-schema.json of QEMU 7.2 and 10.0; docs/interop/qemu-ga.rst.
package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Config is what the hand is made of.
type Config struct {
	// Find finds a VM's UUID by its name.
	Find func(ctx context.Context, ref model.Ref) (uuid string, err error)
	// Socket names the path of one of a living VM's sockets.
	Socket func(uuid, name string) (path string, err error)
	// Found is told what a guest says of itself. It must not block.
	Found func(uuid string, guest vm.GuestStatus)
	Now   func() time.Time
	Log   *slog.Logger
	// Within is how long a guest gets to answer; 10 s when 0.
	Within time.Duration
	// Again is how long after the port was opened, and after each time before, a guest is asked of itself once more.
	// The last is repeated.
	Again []time.Duration
}

// Agents are the agents of all VMs.
type Agents struct {
	Config

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*session
}

// New returns the hand. Port tells it of guests.
func New(c Config) *Agents {
	if c.Within == 0 {
		c.Within = 10 * time.Second
	}
	if len(c.Again) == 0 {
		c.Again = []time.Duration{5 * time.Second, 25 * time.Second, 15 * time.Minute}
	}
	a := &Agents{Config: c, sessions: map[string]*session{}}
	a.ctx, a.stop = context.WithCancel(context.Background())
	return a
}

// Port is called when a guest has opened or closed its agent's port, or has gone. It does not block.
func (a *Agents) Port(uuid string, open bool) {
	a.mu.Lock()
	s := a.sessions[uuid]
	if s == nil && open && a.ctx.Err() == nil {
		s = newSession(a, uuid)
		a.sessions[uuid] = s
	}
	if s != nil && !open {
		delete(a.sessions, uuid)
	}
	a.mu.Unlock()
	switch {
	case s == nil:
	case open:
		s.begin()
	default:
		s.end()
	}
}

// Close ends every conversation. A guest that was frozen from here is thawed first.
func (a *Agents) Close() {
	a.mu.Lock()
	all := make([]*session, 0, len(a.sessions))
	for _, s := range a.sessions {
		all = append(all, s)
	}
	a.mu.Unlock()
	for _, s := range all {
		s.thawAtEnd()
	}
	a.mu.Lock() // nobody begins anything after this
	a.stop()
	a.mu.Unlock()
	a.wg.Wait()
}

// session finds the conversation with a VM's agent.
func (a *Agents) session(uuid string) (*session, error) {
	a.mu.Lock()
	s := a.sessions[uuid]
	a.mu.Unlock()
	if s != nil {
		return s, nil
	}
	if _, err := a.Socket(uuid, socketName); err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, fault.New(fault.Precondition, "it was started without a port for a guest agent").
				Try("take agent = false out of its spec, then stop and start it").WithCode("HV-GUEST-002")
		}
		return nil, err
	}
	return nil, silent()
}

// Answers reports whether a VM's guest has its agent's port open.
func (a *Agents) Answers(uuid string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[uuid] != nil
}

// socketName is the socket that qemu/machine has made for the agent.
const socketName = "agent0"

func silent() *fault.Error {
	return fault.New(fault.Unavailable, "its guest agent does not answer").
		Try("wait until the guest has booted; if it has, install qemu-guest-agent in it").WithCode("HV-GUEST-001")
}

// of is a VM by its name, with errors that say it.
func (a *Agents) of(ctx context.Context, ref model.Ref, do func(*session) error) error {
	uuid, err := a.Find(ctx, ref)
	if err != nil {
		return err
	}
	s, err := a.session(uuid)
	if err == nil {
		err = do(s)
	}
	if err != nil {
		return fault.Wrap(err, "vm %q", ref.Name)
	}
	return nil
}
