// Package door lets requests in: it decodes them and checks every value before anything is done, and
// says all that is wrong at once.
//
// What lives here: the checks that need nothing but the request and the descriptors beside it. What does
// not: what depends on VMs that run (package helper).
package door

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// checkable is a request's body.
type checkable interface{ check(*wrong, int) }

// bodies makes an empty body for each verb.
var bodies = map[privilege.Verb]func() checkable{
	privilege.VerbHello:   func() checkable { return new(empty) },
	privilege.VerbListen:  func() checkable { return new(empty) },
	privilege.VerbKVM:     func() checkable { return new(empty) },
	privilege.VerbLaunch:  func() checkable { return new(launch) },
	privilege.VerbList:    func() checkable { return new(list) },
	privilege.VerbAttach:  func() checkable { return new(byVM) },
	privilege.VerbCleanup: func() checkable { return new(byVM) },
	privilege.VerbForget:  func() checkable { return new(byVM) },
	privilege.VerbThreads: func() checkable { return new(byVM) },
	privilege.VerbKill:    func() checkable { return new(kill) },
	privilege.VerbUplink:  func() checkable { return new(uplink) },
	privilege.VerbSocket:  func() checkable { return new(socket) },
	privilege.VerbPin:     func() checkable { return new(pin) },
	privilege.VerbUsage:   func() checkable { return new(usage) },
	privilege.VerbPhase:   func() checkable { return new(empty) },
	privilege.VerbHarden:  func() checkable { return new(harden) },
	privilege.VerbUnlock:  func() checkable { return new(unlock) },
	privilege.VerbRelock:  func() checkable { return new(relock) },
	privilege.VerbUnseal:  func() checkable { return new(empty) },

	privilege.VerbShares:     func() checkable { return new(byVM) },
	privilege.VerbPoolFolder: func() checkable { return new(poolFolder) },
	privilege.VerbThinPool:   func() checkable { return new(thinPool) },
	privilege.VerbThinChange: func() checkable { return new(thinChange) },
	privilege.VerbThinOpen:   func() checkable { return new(thinOpen) },
	privilege.VerbSecret:     func() checkable { return new(secret) },
}

// Verbs are all that may be asked for, in order.
func Verbs() []privilege.Verb { return slices.Sorted(maps.Keys(bodies)) }

// Let decodes one message and checks it, with the descriptors that came beside it. The body is a pointer
// to the verb's own type of package privilege.
func Let(message []byte, files []*os.File) (privilege.Verb, any, error) {
	var envelope struct {
		Verb privilege.Verb  `json:"verb"`
		Body json.RawMessage `json:"body"`
	}
	if err := strict(message, &envelope); err != nil {
		return "", nil, fault.New(fault.Unreadable, "cannot read the request").Because(err)
	}
	empty, ok := bodies[envelope.Verb]
	if !ok {
		return "", nil, fault.New(fault.Invalid, "unknown verb %.40q", envelope.Verb).
			Try("hvd and hv-helper must be of one build")
	}
	body := empty()
	if len(envelope.Body) > 0 {
		if err := strict(envelope.Body, body); err != nil {
			return envelope.Verb, nil, fault.New(fault.Unreadable, "cannot read the request %q", envelope.Verb).Because(err)
		}
	}
	var w wrong
	body.check(&w, len(files))
	w.kinds(files)
	if len(w) > 0 {
		return envelope.Verb, nil, fault.New(fault.Invalid, "%s: %s", envelope.Verb, strings.Join(w, "; "))
	}
	return envelope.Verb, plain(body), nil
}

// plain turns a body into the type that package privilege knows.
func plain(body checkable) any {
	switch b := body.(type) {
	case *launch:
		return (*privilege.Launch)(b)
	case *list:
		return (*privilege.List)(b)
	case *byVM:
		return (*privilege.ByVM)(b)
	case *kill:
		return (*privilege.Kill)(b)
	case *uplink:
		return (*privilege.Uplink)(b)
	case *socket:
		return (*privilege.Uplink)(b)
	case *pin:
		return (*privilege.Pin)(b)
	case *usage:
		return (*privilege.Usage)(b)
	case *harden:
		return (*privilege.Harden)(b)
	case *unlock:
		return (*privilege.Unlock)(b)
	case *relock:
		return (*privilege.Relock)(b)
	case *poolFolder:
		return (*privilege.PoolFolder)(b)
	case *thinPool:
		return (*privilege.ThinPool)(b)
	case *thinChange:
		return (*privilege.ThinChange)(b)
	case *thinOpen:
		return (*privilege.ThinOpen)(b)
	case *secret:
		return (*privilege.Secret)(b)
	}
	return nil
}

func strict(data []byte, into any) error {
	if len(data) > privilege.MaxMessage {
		return fmt.Errorf("more than %d bytes", privilege.MaxMessage)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the end")
	}
	return nil
}

// wrong collects what is wrong.
type wrong []string

func (w *wrong) say(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

func (w *wrong) unless(ok bool, format string, args ...any) {
	if !ok {
		w.say(format, args...)
	}
}

func (w *wrong) noFiles(n int) { w.unless(n == 0, "%d file descriptors came where none belong", n) }

type (
	empty  struct{}
	list   privilege.List
	byVM   privilege.ByVM
	kill   privilege.Kill
	uplink privilege.Uplink
	socket privilege.Uplink
	usage  privilege.Usage
)

func (*empty) check(w *wrong, files int) { w.noFiles(files) }

func (l *list) check(w *wrong, files int) {
	w.noFiles(files)
	w.unless(l.After == "" || isUUID(l.After), "after: %.60q is not a UUID", l.After)
}

func (b *byVM) check(w *wrong, files int) {
	w.noFiles(files)
	w.uuid(b.VM)
}

func (k *kill) check(w *wrong, files int) {
	w.noFiles(files)
	w.uuid(k.VM)
	w.unless(k.Signal == privilege.SignalTerm || k.Signal == privilege.SignalKill,
		"signal: %.20q is neither %s nor %s", k.Signal, privilege.SignalTerm, privilege.SignalKill)
}

func (u *uplink) check(w *wrong, files int) {
	w.noFiles(files)
	w.uuid(u.VM)
	w.unless(isSocket(u.Socket), "socket: %.60q is no name of a socket", u.Socket)
}

func (s *socket) check(w *wrong, files int) {
	(*uplink)(s).check(w, files)
	w.unless(!s.Cut, "cut: is for the verb uplink alone")
}

func (u *usage) check(w *wrong, files int) {
	w.noFiles(files)
	w.unless(len(u.VMs) <= privilege.MaxUsage, "vms: %d at once; at most %d", len(u.VMs), privilege.MaxUsage)
	for _, vm := range u.VMs[:min(len(u.VMs), privilege.MaxUsage)] {
		w.uuid(vm)
	}
}

func (w *wrong) uuid(s string) { w.unless(isUUID(s), "vm: %.60q is not a UUID in lower case", s) }
