package action

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Who sends a volume slowly delays neither hardening nor what others configure; and what was allowed when the first
// byte came is not any more when the last one has.
func TestAnImportThatArrivesKeepsNobodyFromHardeningAndIsRefusedAfter(t *testing.T) {
	d := newDesk(t)
	content := &hook{Reader: sector(), do: func() {
		dry := root
		dry.DryRun = true
		_, err := d.Harden(t.Context(), dry, wire.Harden{})
		d.must(err)
		d.volume("other")
		d.harden()
	}}
	_, err := d.ImportVolume(t.Context(), member, "default", newVolume("data"), 512, content)
	told(t, err, fault.Denied, "HV-PHASE-001")
	if left := d.files(); len(left) > 0 || d.has(volumeKey("default", "data")) {
		t.Errorf("it left %v", left)
	}
	_, err = d.ImportVolume(t.Context(), member, "default", newVolume("more"), 512, unread{t})
	told(t, err, fault.Denied, "HV-PHASE-001")
	closed(t, d)
}

// The same import again is answered before a byte of it is read; one that comes while the first arrives leaves no
// second file.
func TestAnImportThatIsRepeatedIsMadeOnce(t *testing.T) {
	d := newDesk(t)
	same := member
	same.IdempotencyKey = "once"
	var first Result
	rival := &hook{Reader: sector(), do: func() {
		res, err := d.ImportVolume(t.Context(), same, "default", newVolume("data"), 512, sector())
		d.must(err)
		first = res
	}}
	second, err := d.ImportVolume(t.Context(), same, "default", newVolume("data"), 512, rival)
	d.must(err)
	third, err := d.ImportVolume(t.Context(), same, "default", newVolume("data"), 512, unread{t})
	d.must(err)
	if second.Operation.ID != first.Operation.ID || third.Operation.ID != first.Operation.ID {
		t.Errorf("operations %s, %s, %s", first.Operation.ID, second.Operation.ID, third.Operation.ID)
	}
	v, _, err := d.Actions.volume(t.Context(), "default", "data")
	d.must(err)
	if got := d.files(); len(got) != 1 || got[0] != "pool/"+v.File {
		t.Errorf("files are %v", got)
	}
}

// Hardening that waits for what is being configured ends with its call, and then holds nobody up.
func TestHardeningWaitsAsLongAsItsCall(t *testing.T) {
	d := newDesk(t)
	release, err := d.keep(t.Context(), VolumeCreate)
	d.must(err)
	for _, dry := range []bool{true, false} {
		call := root
		call.DryRun = dry
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = d.Harden(ctx, call, wire.Harden{KeyHash: string(theHash)})
		told(t, err, fault.Unavailable, "cannot harden the host", "hv operation list")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	d.volume("data") // nobody waits before it
	release()
	d.harden()
}

// late answers what it was asked before something else happened.
type late struct {
	Seal
	meanwhile func()
}

func (l *late) Phase(ctx context.Context) (privilege.SealState, error) {
	st, err := l.Seal.Phase(ctx)
	if do := l.meanwhile; do != nil {
		l.meanwhile = nil
		do()
	}
	return st, err
}

func TestAnAnswerFromBeforeHardeningIsNotTheLastWord(t *testing.T) {
	d := newDesk(t)
	slow := &late{Seal: d.seal}
	slow.meanwhile = func() { d.harden() }
	d.Seal = slow
	_, err := d.Phase(t.Context()) // "setup", which comes when the host is hardened
	d.must(err)
	d.seal.Away(true)
	_, err = d.CreateVM(t.Context(), member, "default", definition("web"))
	told(t, err, fault.Denied, "HV-PHASE-001")
}

// The answer to a harden is lost: what was known before is not known any more.
func TestAHardenThatWasNotAnsweredLeavesADoubt(t *testing.T) {
	d := newDesk(t)
	d.create("web")
	d.Seal = &unanswered{Seal: d.seal}
	d.ends()
	_, err := d.Harden(t.Context(), root, wire.Harden{KeyHash: string(theHash)})
	told(t, err, fault.Unavailable, "the answer was lost")
	d.seal.Away(true)
	_, err = d.CreateVM(t.Context(), member, "default", definition("db"))
	told(t, err, fault.Unavailable, "HV-PHASE-002")
	d.seal.Away(false)
	_, err = d.CreateVM(t.Context(), member, "default", definition("db"))
	told(t, err, fault.Denied, "HV-PHASE-001")
}

type unanswered struct{ Seal }

func (u *unanswered) Harden(ctx context.Context, h privilege.Harden, vms []string) (privilege.SealState, error) {
	_, err := u.Seal.Harden(ctx, h, vms)
	return privilege.SealState{}, errors.Join(fault.New(fault.Unavailable, "the answer was lost"), err)
}

func TestTheLastWordIsOfWhatWasAskedLast(t *testing.T) {
	setup, hard := privilege.SealState{}, privilege.SealState{Hardened: true}
	for name, c := range map[string]struct {
		do   func(*word)
		want string
	}{
		"in order": {func(w *word) { a, b := w.ask(), w.ask(); w.hear(a, hard); w.hear(b, setup) }, "setup"},
		"late":     {func(w *word) { a, b := w.ask(), w.ask(); w.hear(b, hard); w.hear(a, setup) }, "hardened"},
		"asked after hardening was, answered before it": {func(w *word) {
			a, b := w.ask(), w.ask()
			w.hear(b, setup)
			w.change(a, hard)
		}, "hardened"},
		"asked while it was hardened, answered after": {func(w *word) { a, b := w.ask(), w.ask(); w.change(a, hard); w.hear(b, setup) }, "hardened"},
		"asked after":          {func(w *word) { w.change(w.ask(), hard); w.hear(w.ask(), setup) }, "setup"},
		"a late unseal":        {func(w *word) { a, b := w.ask(), w.ask(); w.change(b, hard); w.change(a, setup) }, "hardened"},
		"an unseal":            {func(w *word) { w.change(w.ask(), hard); w.change(w.ask(), setup) }, "setup"},
		"a doubt":              {func(w *word) { w.hear(w.ask(), setup); w.doubt() }, "nothing"},
		"a doubt of a sealed":  {func(w *word) { w.hear(w.ask(), hard); w.doubt() }, "hardened"},
		"late, after a doubt":  {func(w *word) { a := w.ask(); w.doubt(); w.hear(a, setup) }, "nothing"},
		"asked after a doubt":  {func(w *word) { w.doubt(); w.hear(w.ask(), setup) }, "setup"},
		"nothing was asked":    {func(*word) {}, "nothing"},
		"asked, not answered":  {func(w *word) { w.ask() }, "nothing"},
		"one answer and later": {func(w *word) { w.hear(w.ask(), hard); w.ask() }, "hardened"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			var w word
			c.do(&w)
			got := "nothing"
			if st := w.last(); st != nil {
				got = string(phaseOf(*st))
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
