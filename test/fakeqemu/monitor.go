package fakeqemu

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
)

// monitor is a client's conversation. Its flags are guarded by the big lock.
type monitor struct {
	q          *QEMU
	conn       net.Conn
	out        *outbox
	negotiated bool
	oob        bool

	mu    sync.Mutex
	files []*os.File // of the last message that had some
}

// request is one request that has the right form.
type request struct {
	name string
	oob  bool
	args json.RawMessage
	id   json.RawMessage // nil for none
}

// queue is how many in-band requests QEMU takes before it stops reading (QMP_REQ_QUEUE_LEN_MAX).
const queue = 8

// Serve talks QMP with one client until it goes, or the fake ends.
func (q *QEMU) Serve(c net.Conn) {
	m := &monitor{q: q, conn: c, out: newOutbox(c)}
	defer m.leave()
	if !q.welcome(m) {
		return
	}
	inBand := make(chan request, queue)
	var worker sync.WaitGroup
	var gone atomic.Bool
	worker.Go(func() {
		for r := range inBand {
			if !gone.Load() { // QEMU forgets what a client left behind
				m.handle(r)
			}
		}
	})
	m.read(inBand)
	gone.Store(true)
	close(inBand)
	worker.Wait()
}

// welcome says the greeting.
func (q *QEMU) welcome(m *monitor) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return false
	}
	q.monitors = append(q.monitors, m)
	hello := map[string]any{"QMP": q.recorded.Greeting}
	if f := q.fault("greeting"); f == nil || !m.misbehave(f, hello) {
		m.say(hello)
	}
	return true
}

func (m *monitor) leave() {
	m.q.mu.Lock()
	m.q.monitors = slices.DeleteFunc(m.q.monitors, func(o *monitor) bool { return o == m })
	m.q.mu.Unlock()
	m.out.close()
	<-m.out.done
	for f := m.takeFile(); f != nil; f = m.takeFile() {
		_ = f.Close()
	}
}

// read cuts the stream into requests, and does out-of-band ones at once.
func (m *monitor) read(inBand chan<- request) {
	var pending []byte
	chunk := make([]byte, 64<<10)
	for {
		n, err := m.receive(chunk)
		pending = append(pending, chunk[:n]...)
		for {
			value, rest := cut(pending)
			if value == nil {
				break
			}
			pending = rest
			m.dispatch(value, inBand)
		}
		if err != nil || n == 0 && len(chunk) > 0 {
			return
		}
	}
}

func (m *monitor) dispatch(value []byte, inBand chan<- request) {
	r, err := m.parse(value)
	switch {
	case err != nil:
		m.q.mu.Lock()
		m.reply(r, nil, err)
		m.q.mu.Unlock()
	case r.oob && m.q.schema.Command(r.name).OOB:
		m.handle(r)
	default:
		inBand <- r
	}
}

// receive reads bytes, and the files that come with them.
func (m *monitor) receive(chunk []byte) (int, error) {
	u, ok := m.conn.(*net.UnixConn)
	if !ok {
		return m.conn.Read(chunk)
	}
	oob := make([]byte, 1024)
	n, oobn, _, _, err := u.ReadMsgUnix(chunk, oob)
	if err != nil {
		return 0, err
	}
	messages, _ := syscall.ParseSocketControlMessage(oob[:oobn]) // what cannot be parsed is no file
	for _, c := range messages {
		fds, err := syscall.ParseUnixRights(&c)
		if err != nil {
			continue
		}
		for f := m.takeFile(); f != nil; f = m.takeFile() {
			_ = f.Close() // QEMU keeps those of the last message only
		}
		m.mu.Lock()
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			m.files = append(m.files, os.NewFile(uintptr(fd), "received"))
		}
		m.mu.Unlock()
	}
	return n, nil
}

func (m *monitor) takeFile() *os.File {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.files) == 0 {
		return nil
	}
	f := m.files[0]
	m.files = m.files[1:]
	return f
}

// handle does one request and answers it.
func (m *monitor) handle(r request) {
	q := m.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	for _, c := range q.consoles {
		c.accept()
	}
	q.seen++
	if f := q.fault(r.name, "#"+itoa(q.seen)); f != nil && q.interfere(m, r, f) || q.ended {
		return
	}
	value, err := m.run(r)
	m.reply(r, value, err)
	q.settle()
}

func (m *monitor) run(r request) (any, error) {
	switch {
	case r.name == "qmp_capabilities":
		return m.negotiate(r.args)
	case !m.negotiated:
		return nil, noCommand("Expecting capabilities negotiation with 'qmp_capabilities'")
	}
	if c := m.q.schema.Command(r.name); c != nil && r.oob && !c.OOB {
		return nil, refuse("The command %s does not support OOB", r.name)
	}
	return m.q.command(m, r.name, r.args)
}

func (m *monitor) negotiate(args json.RawMessage) (any, error) {
	if m.negotiated {
		return nil, noCommand("Capabilities negotiation is already complete, command ignored")
	}
	if err := m.q.checkArguments("qmp_capabilities", args); err != nil {
		return nil, err
	}
	m.oob = slices.Contains(read[struct{ Enable []string }](args).Enable, "oob")
	m.negotiated = true
	return nothing, nil
}

func (m *monitor) reply(r request, value any, err error) {
	answer := map[string]any{"return": value}
	if err != nil {
		var why *refusal
		if !errors.As(err, &why) {
			why = &refusal{"GenericError", err.Error()}
		}
		answer = map[string]any{"error": why}
	}
	if r.id != nil {
		answer["id"] = r.id
	}
	m.say(answer)
}

func (m *monitor) say(v any) { m.out.put(append(mustJSON(v), "\r\n"...)) }

// parse checks the form of a request, in the order and with the words of QEMU's qmp_dispatch.
func (m *monitor) parse(raw []byte) (request, error) {
	var r request
	if raw[0] != '{' && raw[0] != '[' {
		return r, refuse("JSON parse error, invalid keyword '%s'", raw)
	}
	var members map[string]json.RawMessage
	if !json.Valid(raw) {
		return r, refuse("JSON parse error, expecting value")
	}
	if err := json.Unmarshal(raw, &members); err != nil {
		return r, refuse("QMP input must be a JSON object")
	}
	r.id = members["id"]
	for name, value := range members {
		if err := m.member(&r, name, bytes.TrimSpace(value)); err != nil {
			return r, err
		}
	}
	if r.name == "" {
		return r, refuse("QMP input lacks member 'execute'")
	}
	if r.oob && m.q.schema.Command(r.name) == nil {
		return r, noCommand("The command %s has not been found", r.name)
	}
	return r, nil
}

func (m *monitor) member(r *request, name string, value json.RawMessage) error {
	m.q.mu.Lock()
	oob := m.oob
	m.q.mu.Unlock()
	switch {
	case name == "id":
	case name == "arguments":
		if value[0] != '{' {
			return refuse("QMP input member 'arguments' must be an object")
		}
		r.args = value
	case name == "execute" || name == "exec-oob" && oob:
		if json.Unmarshal(value, &r.name) != nil {
			return refuse("QMP input member '%s' must be a string", name)
		}
		r.oob = name == "exec-oob"
	default:
		return refuse("QMP input member '%s' is unexpected", name)
	}
	return nil
}
