// Package fakeqemu stands in for QEMU at the process border: it takes the command line that this
// product writes, speaks QMP as recordings of the real one have it, and keeps as much of a machine's
// state as that takes. Hundreds of them start where one real guest would.
//
// What lives here: the fake, as a value for tests in one process (New) and as a program (Main,
// RunIfAsked); the scenarios that are played with it and with the real QEMU; and the recordings that
// the two are held to. What does not: guests that boot (test/guest, test/e2e), and a mock of any
// interface of ours.
package fakeqemu

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp/schema"
)

// Options of a fake. The zero value is a paused machine of QEMU 7.2 whose guest obeys.
type Options struct {
	Version  string // "7.2" (default) or "10.0"
	UUID     string // default all zeros, as QEMU has it without -uuid
	Name     string
	CPUs     int      // default 1
	CPUsMax  int      // places for vCPUs, where there are more
	Guest    Guest    // default Obeys
	Run      bool     // without -S: it runs from the start
	Exit     bool     // without -action shutdown=pause,panic=pause: it ends with its guest
	Reboot   bool     // with -action reboot=shutdown: a reset ends it as a shutdown does
	Memory   string   // its size
	Incoming bool     // with -incoming defer: its guest is to come in
	Blocked  []string // why its guest cannot be moved
	Crawls   bool     // moving its guest comes to no end
	Copies   bool     // copying a disk comes to no end
	Stays    bool     // a disk that is copied is not put in the place of the other: that fails
	Faults   []Fault
	Jobs     []Job // that are there from the start, as an adopter finds them
}

// Job is a job as query-jobs shows it.
type Job struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Status   string `json:"status"`
	Progress int64  `json:"current-progress"`
	Total    int64  `json:"total-progress"`
	Error    string `json:"error,omitempty"`

	mirror    *mirror
	dismisses bool // itself, when it has ended
}

// QEMU is one fake. Close it, or have it quit.
type QEMU struct {
	o        Options
	recorded *Recording
	schema   *schema.Schema
	done     chan struct{}

	mu       sync.Mutex // the big lock: whoever holds it is QEMU's main loop
	state    string
	booted   bool // the guest has begun since the last reset
	wasReset bool // a guest that resets itself once has done so
	after    []func()
	monitors []*monitor // the client of each that serves one
	consoles []*console
	chardevs []chardev
	nodes    []*node // newest first
	devices  map[string]device
	objects  map[string]bool
	looks    int             // how often its disks' figures were asked for
	trays    map[string]bool // of drives: open
	netdevs  map[string]bool
	fdsets   map[int][]setFD
	named    map[string]*os.File // by getfd
	closers  []func() error
	move     migration
	seen     int // commands so far
	ended    bool
	code     int
}

// chardev is a character device; console is set if it is a guest's.
type chardev struct {
	label, filename string
	console         *console
}

// device is a device by its id; Drive is the node it uses.
type device struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	Bus    string `json:"bus"`
	Drive  string `json:"drive"`
	Netdev string `json:"netdev"`
	Core   int    `json:"core-id"`    // of a vCPU
	Block  int64  `json:"block-size"` // of virtio-mem
	Thread string `json:"iothread"`
}

// New returns a fake that nobody talks to yet.
func New(o Options) (*QEMU, error) {
	if o.Version == "" {
		o.Version = "7.2"
	}
	if o.UUID == "" {
		o.UUID = "00000000-0000-0000-0000-000000000000"
	}
	if o.Guest == "" {
		o.Guest = Obeys
	}
	for _, f := range o.Faults {
		if err := f.check(); err != nil {
			return nil, err
		}
	}
	r, err := recorded(o.Version)
	if err != nil {
		return nil, err
	}
	s, err := r.describe()
	if err != nil {
		return nil, err
	}
	q := &QEMU{
		o: o, recorded: r, schema: s, done: make(chan struct{}), state: "prelaunch",
		devices: map[string]device{}, netdevs: map[string]bool{}, fdsets: map[int][]setFD{}, named: map[string]*os.File{},
	}
	if o.Incoming {
		q.state, q.move.waits, q.move.autostart = "inmigrate", true, o.Run
		return q, nil
	}
	if o.Run {
		q.Do(func() { q.cont() })
	}
	return q, nil
}

// Done is closed when the fake has ended.
func (q *QEMU) Done() <-chan struct{} { return q.done }

// Code is the exit status; valid once Done is closed.
func (q *QEMU) Code() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.code
}

// State is the run state: "prelaunch", "running", "paused", "shutdown", "guest-panicked".
func (q *QEMU) State() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state
}

// Close ends the fake as kill -9 would: without a word.
func (q *QEMU) Close() error {
	q.Do(func() { q.exit(137) })
	return nil
}

// PowerOff makes the guest power off by itself. Like Reset and Panic it does nothing to a machine that
// does not run.
func (q *QEMU) PowerOff() { q.Do(q.whenRunning(q.guestPowersOff)) }

// Reset makes the guest reset its machine.
func (q *QEMU) Reset() { q.Do(q.whenRunning(q.guestResets)) }

// Panic makes the guest panic.
func (q *QEMU) Panic() { q.Do(q.whenRunning(q.guestPanics)) }

// Emit makes the fake say any event; nil data for none.
func (q *QEMU) Emit(event string, data any) { q.Do(func() { q.emit(event, data) }) }

// Do runs f as QEMU's main loop would, and what follows from it.
func (q *QEMU) Do(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	f()
	q.settle()
}

// settle runs what was put off until after the answer.
func (q *QEMU) settle() {
	for len(q.after) > 0 && !q.ended {
		f := q.after[0]
		q.after = q.after[1:]
		f()
	}
}

func (q *QEMU) whenRunning(f func()) func() {
	return func() {
		if q.state == "running" {
			f()
		}
	}
}

// emit sends an event to everybody who has negotiated; nobody else gets it, ever.
func (q *QEMU) emit(event string, data any) {
	now := time.Now()
	m := map[string]any{
		"event":     event,
		"timestamp": map[string]int64{"seconds": now.Unix(), "microseconds": int64(now.Nanosecond() / 1000)},
	}
	if data != nil {
		m["data"] = data
	}
	for _, c := range q.monitors {
		if c.negotiated {
			c.say(m)
		}
	}
}

// exit ends everything; what was said before still arrives.
func (q *QEMU) exit(code int) {
	if q.ended {
		return
	}
	q.ended = true
	q.code = code
	for _, m := range q.monitors {
		m.out.close()
	}
	for _, c := range slices.Backward(q.closers) {
		_ = c() // nothing is owed to anybody after the end
	}
	for _, name := range slices.Sorted(maps.Keys(q.named)) {
		_ = q.named[name].Close()
	}
	close(q.done)
}

// atEnd has a resource closed when the fake ends.
func (q *QEMU) atEnd(c func() error) { q.closers = append(q.closers, c) }

// Listen serves QMP on l, one client at a time, as QEMU does: who comes second connects, and hears
// nothing until the first has gone. It returns at once.
func (q *QEMU) Listen(l net.Listener) {
	q.Do(func() { q.atEnd(l.Close) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			q.Serve(c)
		}
	}()
}

func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fakeqemu: %v", err)) // everything we say is made of strings, numbers and maps
	}
	return raw
}
