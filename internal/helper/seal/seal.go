// Package seal keeps the phase of a host in a file that is root's alone: what no daemon, restored store or edited
// declaration can change, because only hv-helper writes it, and only the recovery key leads out of it.
//
// What lives here: the file, who may change it and when. What does not: what a phase allows (internal/phase; hvd
// asks), and what is looked at before a host is hardened (hvd).
//
// Nothing takes effect by time alone: an unlock is asked for, its time comes, and hvd, which has recorded it in the
// audit log by then, asks for it to take effect.
package seal

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// Clock is the time as the seal needs it.
type Clock struct {
	Now func() time.Time
	// Up is how long this boot has lasted, also while the host slept; Boot names it.
	Up   func() time.Duration
	Boot string
}

// Seal is the seal of one host. It may be used by several goroutines.
type Seal struct {
	dir   *os.File // held open: root's alone
	clock Clock
	step  func(string) error // asked before each step of a write; for tests

	mu     sync.Mutex
	kept   *record // nil: never hardened
	broken error   // it is there and cannot be read
}

// Open reads the seal in the folder dir, which stays the caller's to close. A seal that cannot be read is one: the
// host counts as hardened until somebody has mended it.
func Open(dir *os.File, c Clock) *Seal {
	s := &Seal{dir: dir, clock: c, step: func(string) error { return nil }}
	s.kept, s.broken = read(dir)
	return s
}

// State is how the seal stands.
func (s *Seal) State() privilege.SealState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state()
}

func (s *Seal) state() privilege.SealState {
	if s.broken != nil {
		return privilege.SealState{Hardened: true, Broken: s.broken.Error()}
	}
	r := s.kept
	if r == nil {
		return privilege.SealState{}
	}
	since, by := r.Since, r.By
	st := privilege.SealState{Hardened: r.Phase == hardened, Since: &since, By: &by}
	if !st.Hardened {
		return st
	}
	st.Generation, st.Digest, st.DelaySeconds, st.KeyID, st.VMs = r.Generation, r.Digest, r.DelaySeconds, r.KeyHash.ID(), len(r.VMs)
	if o := r.Unlock; o != nil {
		left := s.left(o)
		st.Unlock = &privilege.Opening{By: o.By, Asked: o.Asked, Due: s.clock.Now().Add(left).UTC().Truncate(time.Second), Ready: left <= 0}
	}
	return st
}

// left is how long an unlock is held back yet.
func (s *Seal) left(o *opening) time.Duration {
	return time.Duration(s.kept.DelaySeconds)*time.Second - o.At.since(s.now())
}

func (s *Seal) now() mark { return mark{Boot: s.clock.Boot, Millis: s.clock.Up().Milliseconds()} }

// Launches reports whether a VM may be launched: on a hardened host those that were there.
func (s *Seal) Launches(vm string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state().Hardened {
		return nil
	}
	if s.broken == nil {
		if _, there := slices.BinarySearch(s.kept.VMs, vm); there {
			return nil
		}
	} else {
		return nil // which VMs there were is not known; to keep all of them from running would be worse
	}
	return fault.New(fault.Denied, "VM %s was not there when the host was hardened", vm).Try("sudo hv phase unlock").WithCode("HV-PHASE-013")
}

// Configures reports whether this host may be given more by a verb.
func (s *Seal) Configures(verb privilege.Verb) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state().Hardened {
		return nil
	}
	return fault.New(fault.Denied, "%s: the host is hardened", verb).Try("sudo hv phase unlock").WithCode("HV-PHASE-013")
}

// Harden seals the host. vms are sorted. The same request again changes nothing.
func (s *Seal) Harden(h privilege.Harden, vms []string) (privilege.SealState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &record{
		Version: version, Phase: hardened, Since: s.clock.Now().UTC(), By: h.By, Generation: h.Generation, Digest: h.Digest,
		KeyHash: recovery.Hash(h.KeyHash), DelaySeconds: h.DelaySeconds, VMs: vms,
	}
	if s.state().Hardened {
		if s.broken == nil && s.kept.KeyHash == next.KeyHash && s.kept.Digest == next.Digest {
			return s.state(), nil
		}
		return privilege.SealState{}, fault.New(fault.Precondition, "the host is hardened already").Try("hv phase show").WithCode("HV-PHASE-005")
	}
	return s.change(next)
}

func wrongKeys(n int) string {
	if n == 1 {
		return "a wrong key"
	}
	return fmt.Sprintf("%d wrong keys", n)
}

// Unlock begins an unlock, if the key is the right one. One that was begun goes on.
func (s *Seal) Unlock(u privilege.Unlock) (privilege.SealState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.locked(); err != nil {
		return privilege.SealState{}, err
	}
	if wait := s.kept.Wrong.wait(s.now()); wait > 0 {
		return privilege.SealState{}, fault.New(fault.Exhausted, "after %s none is looked at for another %s",
			wrongKeys(s.kept.Wrong.Count), wait.Round(time.Second)).Try("wait, then type it as it was shown").WithCode("HV-PHASE-007")
	}
	key, err := recovery.Parse(u.Key)
	if err != nil {
		return privilege.SealState{}, err // mistyped: no attempt
	}
	next := *s.kept
	if !next.KeyHash.Matches(key) {
		n := attempts{Count: 1, Last: s.now()}
		if next.Wrong != nil {
			n.Count = min(next.Wrong.Count, 1<<20) + 1
		}
		next.Wrong = &n
		if _, err := s.change(&next); err != nil {
			return privilege.SealState{}, err // what is not counted is not answered either
		}
		return privilege.SealState{}, fault.New(fault.Denied, "this is not the recovery key of this host").
			Try("hv phase show names the key that is meant: %s", next.KeyHash.ID()).WithCode(recovery.CodeKey)
	}
	next.Wrong = nil
	if next.Unlock == nil {
		next.Unlock = &opening{By: u.By, Asked: s.clock.Now().UTC(), At: s.now()}
	}
	return s.change(&next)
}

// wait is how long no attempt is looked at: 2 s after the first wrong key, twice as long after each, at most 15 min.
func (a *attempts) wait(now mark) time.Duration {
	if a == nil {
		return 0
	}
	const most = 15 * time.Minute
	return min(time.Second<<min(a.Count, 10), most) - a.Last.since(now)
}

// Relock calls an unlock off.
func (s *Seal) Relock() (privilege.SealState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.locked(); err != nil {
		return privilege.SealState{}, err
	}
	if s.kept.Unlock == nil {
		return s.state(), nil
	}
	next := *s.kept
	next.Unlock = nil
	return s.change(&next)
}

// Unseal lets an unlock take effect. The key's hash is gone then.
func (s *Seal) Unseal() (privilege.SealState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil && s.kept != nil && s.kept.Phase == setup {
		return s.state(), nil // it has
	}
	if err := s.locked(); err != nil {
		return privilege.SealState{}, err
	}
	o := s.kept.Unlock
	if o == nil {
		return privilege.SealState{}, fault.New(fault.Precondition, "nobody has asked to unlock the host").Try("sudo hv phase unlock").WithCode("HV-PHASE-014")
	}
	if left := s.left(o); left > 0 {
		return privilege.SealState{}, fault.New(fault.Precondition, "the host is unlocked in %s, and not before", left.Round(time.Second)).WithCode("HV-PHASE-014")
	}
	return s.change(&record{Version: version, Phase: setup, Since: s.clock.Now().UTC(), By: o.By})
}

// locked says why there is nothing to unlock.
func (s *Seal) locked() error {
	switch {
	case s.broken != nil:
		return fault.New(fault.Precondition, "the seal cannot be read, and no key can be held against it").Because(s.broken).
			Try("docs/hardening.md, \"When the key is lost\"").WithCode("HV-PHASE-015")
	case s.kept == nil || s.kept.Phase != hardened:
		return fault.New(fault.Precondition, "the host is not hardened").Try("hv phase show").WithCode("HV-PHASE-005")
	}
	return nil
}

// change puts a seal in the place of the one that is, in memory and on disk. Where the disk fails, what is on it
// counts: it is read again.
func (s *Seal) change(next *record) (privilege.SealState, error) {
	err := next.check()
	if err == nil {
		err = next.write(s.dir, s.step)
	}
	if err != nil {
		s.kept, s.broken = read(s.dir)
		return privilege.SealState{}, fault.New(fault.Internal, "the seal could not be written").Because(err)
	}
	s.kept = next
	return s.state(), nil
}

// Describe is the state in one line, for the host's owner.
func Describe(st privilege.SealState) string {
	switch {
	case st.Broken != "":
		return "the seal cannot be read, so the host counts as hardened: " + st.Broken
	case !st.Hardened:
		return "phase setup"
	case st.Unlock != nil:
		return fmt.Sprintf("phase hardened, to be unlocked at %s", st.Unlock.Due.Format(time.RFC3339))
	}
	return fmt.Sprintf("phase hardened since %s, generation %d", st.Since.Format(time.RFC3339), st.Generation)
}
