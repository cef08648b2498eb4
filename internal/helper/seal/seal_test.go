package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// host is a folder and a clock that stay while seals are opened.
type host struct {
	t    *testing.T
	path string
	dir  *os.File
	wall time.Time
	up   time.Duration
	boot string
	*Seal
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, path: t.TempDir(), wall: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), up: time.Hour, boot: "boot-1"}
	var err error
	if h.dir, err = os.Open(h.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.dir.Close() })
	h.again()
	return h
}

// again is the next helper on the same host.
func (h *host) again() { h.Seal = Open(h.dir, h.clock()) }

func (h *host) clock() Clock {
	return Clock{Now: func() time.Time { return h.wall }, Up: func() time.Duration { return h.up }, Boot: h.boot}
}

func (h *host) pass(d time.Duration) { h.wall, h.up = h.wall.Add(d), h.up+d }

func (h *host) reboot() {
	h.boot, h.up = h.boot+"+", 0
	h.again()
}

var (
	right = recovery.New([recovery.Random]byte{1, 2, 3})
	wrong = recovery.New([recovery.Random]byte{3, 2, 1})
	ann   = privilege.Person{UID: 1000, Name: "ann"}
)

const (
	vmA, vmB = "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001", "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a002"
	delay    = 10 * time.Minute
)

var hash = recovery.HashOf(right, [recovery.SaltBytes]byte{9})

func order() privilege.Harden {
	return privilege.Harden{By: ann, Generation: 3, Digest: privilege.DigestForm + strings.Repeat("0a", 32), KeyHash: string(hash), DelaySeconds: int(delay / time.Second)}
}

func (h *host) harden() {
	h.t.Helper()
	if st, err := h.Harden(order(), []string{vmA}); err != nil || !st.Hardened {
		h.t.Fatalf("%+v, %v", st, err)
	}
}

func (h *host) unlock() privilege.SealState {
	h.t.Helper()
	st, err := h.Unlock(privilege.Unlock{By: ann, Key: right.Text()})
	if err != nil || st.Unlock == nil {
		h.t.Fatalf("%+v, %v", st, err)
	}
	return st
}

func told(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || fault.CodeOf(err) != code {
		t.Errorf("%v is %v %s, want %v %s", err, fault.KindOf(err), fault.CodeOf(err), kind, code)
	}
}

func TestAHostThatWasNeverHardenedIsInSetup(t *testing.T) {
	h := newHost(t)
	if st := h.State(); st != (privilege.SealState{}) {
		t.Errorf("%+v", st)
	}
	if err := errors.Join(h.Launches(vmB), h.Configures(privilege.VerbSocket)); err != nil {
		t.Error(err)
	}
	_, err := h.Unlock(privilege.Unlock{Key: right.Text()})
	told(t, err, fault.Precondition, "HV-PHASE-005")
	_, err = h.Relock()
	told(t, err, fault.Precondition, "HV-PHASE-005")
	_, err = h.Unseal()
	told(t, err, fault.Precondition, "HV-PHASE-005")
}

func TestASealHoldsAndSaysWhoSealedWhat(t *testing.T) {
	h := newHost(t)
	h.harden()
	for _, how := range []string{"now", "after the helper was started again", "after a boot"} {
		st := h.State()
		if !st.Hardened || st.Generation != 3 || st.Digest != order().Digest || *st.By != ann || st.KeyID != hash.ID() || st.VMs != 1 || st.Since == nil || st.DelaySeconds != 600 {
			t.Errorf("%s: %+v", how, st)
		}
		told(t, h.Launches(vmB), fault.Denied, "HV-PHASE-013")
		told(t, h.Configures(privilege.VerbSocket), fault.Denied, "HV-PHASE-013")
		if err := h.Launches(vmA); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if how == "now" {
			h.again()
		} else {
			h.reboot()
		}
	}
	info, err := os.Stat(filepath.Join(h.path, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestTheSameRequestAgainIsAnsweredAndAnotherIsNot(t *testing.T) {
	h := newHost(t)
	h.harden()
	since := h.State().Since
	h.pass(time.Minute)
	st, err := h.Harden(order(), []string{vmA, vmB})
	if err != nil || !st.Since.Equal(*since) || st.VMs != 1 {
		t.Errorf("%+v %v", st, err)
	}
	other := order()
	other.KeyHash = string(recovery.HashOf(wrong, [recovery.SaltBytes]byte{1}))
	_, err = h.Harden(other, nil)
	told(t, err, fault.Precondition, "HV-PHASE-005")
	if h.State().KeyID != hash.ID() {
		t.Error("the key was changed")
	}
}

func TestAnUnlockTakesItsTimeAndEffectOnlyWhenItIsAskedFor(t *testing.T) {
	h := newHost(t)
	h.harden()
	st := h.unlock()
	if want := h.wall.Add(delay); !st.Unlock.Due.Equal(want) || st.Unlock.Ready || st.Unlock.By != ann {
		t.Errorf("%+v", st.Unlock)
	}
	h.pass(delay - time.Second)
	h.again()
	_, err := h.Unseal()
	told(t, err, fault.Precondition, "HV-PHASE-014")
	if again := h.unlock(); !again.Unlock.Asked.Equal(st.Unlock.Asked) {
		t.Error("the key again begins the time anew")
	}
	h.pass(time.Second)
	if st := h.State(); !st.Hardened || !st.Unlock.Ready {
		t.Errorf("its time has come, and nobody has recorded it yet: %+v", st)
	}
	st, err = h.Unseal()
	if err != nil || st.Hardened || *st.By != ann || st.KeyID != "" {
		t.Errorf("%+v %v", st, err)
	}
	if data, err := os.ReadFile(filepath.Join(h.path, fileName)); err != nil || strings.Contains(string(data), "argon2") {
		t.Errorf("the key's hash is kept on: %s %v", data, err)
	}
	if st, err = h.Unseal(); err != nil || st.Hardened {
		t.Errorf("again: %+v %v", st, err)
	}
	h.again()
	if h.State().Hardened {
		t.Error("it is hardened again")
	}
	h.harden()
}

func TestAClockThatIsSetAheadOpensNothing(t *testing.T) {
	h := newHost(t)
	h.harden()
	h.unlock()
	h.wall = h.wall.Add(100 * 24 * time.Hour)
	_, err := h.Unseal()
	told(t, err, fault.Precondition, "HV-PHASE-014")
	h.pass(delay - time.Second)
	h.reboot()
	h.pass(delay - time.Second)
	_, err = h.Unseal()
	told(t, err, fault.Precondition, "HV-PHASE-014")
	h.pass(time.Second)
	if _, err := h.Unseal(); err != nil {
		t.Errorf("after a boot its time is counted anew, and has come: %v", err)
	}
}

func TestAnUnlockIsCalledOff(t *testing.T) {
	h := newHost(t)
	h.harden()
	h.unlock()
	h.pass(delay)
	if st, err := h.Relock(); err != nil || st.Unlock != nil || !st.Hardened {
		t.Errorf("%+v %v", st, err)
	}
	h.again()
	_, err := h.Unseal()
	told(t, err, fault.Precondition, "HV-PHASE-014")
	if _, err := h.Relock(); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestWrongKeysMakeEveryoneWaitAndTellNothing(t *testing.T) {
	h := newHost(t)
	h.harden()
	try := func(key string) error { _, err := h.Unlock(privilege.Unlock{By: ann, Key: key}); return err }
	told(t, try("ABC"), fault.Invalid, "HV-PHASE-006")
	waited := time.Duration(0)
	for n := 1; n <= 13; n++ {
		err := try(wrong.Text())
		told(t, err, fault.Denied, "HV-PHASE-006")
		if strings.Contains(err.Error(), wrong.Text()) || strings.Contains(fmt.Sprint(err), "argon2") {
			t.Errorf("it tells: %v", err)
		}
		wait := min(time.Second<<min(n, 10), 15*time.Minute)
		h.again() // a helper that is started again remembers
		soon := try(right.Text())
		told(t, soon, fault.Exhausted, "HV-PHASE-007")
		if says := map[bool]string{true: "after a wrong key none", false: fmt.Sprintf("after %d wrong keys none", n)}[n == 1]; !strings.Contains(soon.Error(), says) {
			t.Errorf("got %v, want %q", soon, says)
		}
		h.wall = h.wall.Add(time.Hour) // and setting the clock does not help
		h.pass(wait - time.Second)
		told(t, try(right.Text()), fault.Exhausted, "HV-PHASE-007")
		h.pass(time.Second)
		waited += wait
	}
	if waited < time.Hour {
		t.Errorf("13 attempts take %s", waited)
	}
	h.unlock()
	if h.kept.Wrong != nil {
		t.Error("what was wrong before the right key is still counted")
	}
}

// Each write is cut off before each of its steps, and looked at by the next helper: the old seal or the new one.
func TestAHelperThatIsCutOffLeavesTheOldSealOrTheNewOne(t *testing.T) {
	cut := errors.New("cut off")
	for name, c := range map[string]struct {
		before func(*host)
		do     func(*host) error
		is     func(privilege.SealState) bool // the new one
	}{
		"harden": {func(*host) {}, func(h *host) error { _, err := h.Harden(order(), []string{vmA}); return err },
			func(st privilege.SealState) bool { return st.Hardened && st.KeyID == hash.ID() }},
		"unlock": {func(h *host) { h.harden() }, func(h *host) error { _, err := h.Unlock(privilege.Unlock{By: ann, Key: right.Text()}); return err },
			func(st privilege.SealState) bool { return st.Unlock != nil }},
		"relock": {func(h *host) { h.harden(); h.unlock() }, func(h *host) error { _, err := h.Relock(); return err },
			func(st privilege.SealState) bool { return st.Hardened && st.Unlock == nil }},
		"unseal": {func(h *host) { h.harden(); h.unlock(); h.pass(delay) }, func(h *host) error { _, err := h.Unseal(); return err },
			func(st privilege.SealState) bool { return !st.Hardened && st.Since != nil }},
	} {
		t.Run(name, func(t *testing.T) {
			steps := 0
			for at := 1; ; at++ {
				h := newHost(t)
				c.before(h)
				before, n := h.State(), 0
				h.step = func(string) error {
					if n++; n >= at { // from here on nothing of this helper has any effect
						return cut
					}
					return nil
				}
				err := c.do(h)
				h.again()
				after := h.State()
				isOld, isNew := fmt.Sprintf("%+v", plain(after)) == fmt.Sprintf("%+v", plain(before)), c.is(after)
				if isOld == isNew || after.Broken != "" {
					t.Errorf("cut off at step %d (%v): was %+v, is %+v", at, err, plain(before), plain(after))
				}
				if err == nil {
					if !isNew {
						t.Error("it was acknowledged, and is not so")
					}
					break
				}
				if !errors.Is(err, cut) {
					t.Fatal(err)
				}
				h.step = nil
				h.again()
				if err := c.do(h); err != nil || !c.is(h.State()) {
					t.Errorf("the same again after step %d: %v, %+v", at, err, plain(h.State()))
				}
				steps++
			}
			if steps != 6 {
				t.Errorf("cut off at %d steps", steps)
			}
		})
	}
}

// plain is a state without pointers, to be compared and read.
func plain(st privilege.SealState) string {
	unlock := "none"
	if st.Unlock != nil {
		unlock = fmt.Sprintf("%+v", *st.Unlock)
	}
	return fmt.Sprintf("hardened %v key %s unlock %s broken %q", st.Hardened, st.KeyID, unlock, st.Broken)
}

func TestASealThatCannotBeReadHolds(t *testing.T) {
	good := func(h *host) []byte {
		h.harden()
		data, err := os.ReadFile(filepath.Join(h.path, fileName))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, spoil := range map[string]func(string) string{
		"empty":                 func(string) string { return "" },
		"cut":                   func(s string) string { return s[:len(s)/2] },
		"no JSON":               func(string) string { return "hardened" },
		"another version":       func(s string) string { return strings.Replace(s, `"version":1`, `"version":2`, 1) },
		"another phase":         func(s string) string { return strings.Replace(s, `"hardened"`, `"molten"`, 1) },
		"no key":                func(s string) string { return strings.Replace(s, "argon2id", "argon2i", 1) },
		"a field too many":      func(s string) string { return strings.Replace(s, "{", `{"open":true,`, 1) },
		"text after its end":    func(s string) string { return s + "{}" },
		"a delay below nothing": func(s string) string { return strings.Replace(s, `"delaySeconds":600`, `"delaySeconds":-1`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			text := spoil(string(good(h)))
			if err := os.WriteFile(filepath.Join(h.path, fileName), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			h.again()
			if st := h.State(); !st.Hardened || st.Broken == "" {
				t.Fatalf("%+v", st)
			}
			told(t, h.Configures(privilege.VerbSocket), fault.Denied, "HV-PHASE-013")
			if err := h.Launches(vmB); err != nil {
				t.Errorf("VMs do not run because of it: %v", err)
			}
			_, err := h.Unlock(privilege.Unlock{Key: right.Text()})
			told(t, err, fault.Precondition, "HV-PHASE-015")
			_, err = h.Harden(order(), nil)
			told(t, err, fault.Precondition, "HV-PHASE-005")
			_, err = h.Unseal()
			told(t, err, fault.Precondition, "HV-PHASE-015")
		})
	}
	t.Run("a link", func(t *testing.T) {
		h := newHost(t)
		if err := os.Symlink("/dev/zero", filepath.Join(h.path, fileName)); err != nil {
			t.Fatal(err)
		}
		h.again()
		if st := h.State(); !st.Hardened || st.Broken == "" {
			t.Errorf("%+v", st)
		}
	})
}

func TestWhatIsSaidOfASealIsOneLine(t *testing.T) {
	h := newHost(t)
	lines := []string{Describe(h.State())}
	h.harden()
	lines = append(lines, Describe(h.State()), Describe(h.unlock()), Describe(privilege.SealState{Hardened: true, Broken: "x"}))
	for i, want := range []string{"phase setup", "generation 3", "to be unlocked at 2026-01-02T12:10:00Z", "cannot be read"} {
		if !strings.Contains(lines[i], want) || strings.Contains(lines[i], "\n") {
			t.Errorf("%q", lines[i])
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"phase":"setup","since":"2026-01-02T12:00:00Z","by":{"uid":0}}`))
	f.Add([]byte(`{"version":1,"phase":"hardened","since":"2026-01-02T12:00:00Z","by":{"uid":0},"digest":"sha256:` + strings.Repeat("0a", 32) + `","keyHash":"` + string(hash) + `","delaySeconds":600,"unlock":{"by":{"uid":0},"asked":"2026-01-02T12:00:00Z","at":{"boot":"x","millis":5}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parse(data)
		if err != nil {
			return
		}
		s := &Seal{kept: r, clock: Clock{Now: time.Now, Up: func() time.Duration { return time.Hour }, Boot: "x"}}
		if st := s.State(); st.Hardened != (r.Phase == hardened) || Describe(st) == "" {
			t.Errorf("%+v", st)
		}
	})
}
