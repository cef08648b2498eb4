package fakeqemu

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Fault is a misdeed on demand.
type Fault struct {
	At    string // "greeting", the name of a command, or "#3": the third command of this fake's life
	Do    Act
	Value string // what Act says
}

// Act is what goes wrong.
type Act string

// Acts. Greeting knows the first four, and Slow.
const (
	Silent   Act = "silent"    // nothing is done, nothing is said
	Garbage  Act = "garbage"   // something is said that is no JSON
	Half     Act = "half"      // half a message is said, then the connection closed; the fake lives on
	Die      Act = "die"       // the process ends before the effect
	DieAfter Act = "die-after" // the process ends after the effect, before the answer
	Slow     Act = "slow"      // Value ("2s") later; only out-of-band commands overtake
	Refuse   Act = "refuse"    // GenericError with the text Value
	Answer   Act = "answer"    // the JSON Value instead of an effect
	Flood    Act = "flood"     // Value RESET events first
)

func (q *QEMU) fault(at ...string) *Fault {
	i := slices.IndexFunc(q.o.Faults, func(f Fault) bool { return slices.Contains(at, f.At) })
	if i < 0 {
		return nil
	}
	return &q.o.Faults[i]
}

// misbehave spoils the saying of message; false if it is to be said all the same.
func (m *monitor) misbehave(f *Fault, message any) bool {
	switch f.Do {
	case Silent:
	case Garbage:
		m.out.put([]byte("this is not QMP\r\n"))
	case Half:
		raw := mustJSON(message)
		m.out.put(raw[:len(raw)/2])
		m.out.close()
	case Die:
		m.q.exit(139)
	default:
		m.q.delay(f)
		return false
	}
	return true
}

// interfere spoils a command; false if it is to be done all the same.
func (q *QEMU) interfere(m *monitor, r request, f *Fault) bool {
	switch f.Do {
	case DieAfter:
		_, _ = m.run(r) // its answer is what goes missing
		q.exit(139)
	case Refuse:
		m.reply(r, nil, refuse("%s", f.Value))
	case Answer:
		m.reply(r, json.RawMessage(f.Value), nil)
	case Flood:
		n, _ := strconv.Atoi(f.Value) // check has seen it
		for range n {
			q.emit("RESET", map[string]any{"guest": true, "reason": "guest-reset"})
		}
		return false
	default:
		return m.misbehave(f, map[string]any{"return": nothing, "id": r.id})
	}
	return true
}

// delay lets go of the big lock meanwhile, so that out-of-band commands are done; in-band ones wait,
// since their worker is the one that is slow.
func (q *QEMU) delay(f *Fault) {
	if f.Do != Slow {
		return
	}
	d, _ := time.ParseDuration(f.Value) // check has seen it
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-time.After(d):
	case <-q.done:
	}
}

// check refuses a fault that would silently do nothing.
func (f Fault) check() error {
	var err error
	switch f.Do {
	case Silent, Garbage, Half, Die, DieAfter, Refuse:
	case Slow:
		_, err = time.ParseDuration(f.Value)
	case Flood:
		_, err = strconv.Atoi(f.Value)
	case Answer:
		if !json.Valid([]byte(f.Value)) {
			err = fmt.Errorf("%q is not JSON", f.Value)
		}
	default:
		err = fmt.Errorf("no such act: %q", f.Do)
	}
	if err != nil {
		return fmt.Errorf("fault at %s: %w", f.At, err)
	}
	return nil
}
