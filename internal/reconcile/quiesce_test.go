package reconcile

import (
	"context"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// guests are frozen until they are not.
type guests struct{ frozen bool }

func (g *guests) Freeze(context.Context, string) error { g.frozen = true; return nil }
func (g *guests) Frozen(string) bool                   { return g.frozen }
func (g *guests) Thaw(context.Context, string) error   { g.frozen = false; return nil }

func TestASetIsQuiescedOnlyIfTheGuestWasFrozenAtItsMoment(t *testing.T) {
	for name, c := range map[string]struct {
		quiesce  vm.Quiesce
		early    bool // it was let go on before the moment
		quiesced bool
		code     string
	}{
		"frozen":                        {quiesce: vm.QuiesceAuto, quiesced: true},
		"let go on before":              {quiesce: vm.QuiesceAuto, early: true},
		"let go on before, but it must": {quiesce: vm.QuiesceYes, early: true, code: "HV-SNAP-011"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &guests{}
			r := &vmRun{Engine: &Engine{Config: Config{Guests: g}}, status: &vm.PowerStatus{State: vm.StateRunning}}
			set, taken := vm.Snapshot{Quiesce: c.quiesce}, vm.Taken{}
			thaw, err := r.quiesce(t.Context(), set, &taken)
			if err != nil || !taken.Quiesced {
				t.Fatal(taken, err)
			}
			if c.early {
				g.frozen = false
			}
			err = r.stillQuiet(set, &taken)
			if taken.Quiesced != c.quiesced || fault.CodeOf(err) != c.code || (taken.Note == "") != (c.quiesced || err != nil) {
				t.Errorf("%+v, %v", taken, err)
			}
			if thaw(); g.frozen {
				t.Error("it stays frozen")
			}
		})
	}
}
