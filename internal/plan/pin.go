package plan

import (
	"reflect"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

const pinPath = "pinning"

// pinStep says where threads run. All of them are told, so they may be told again.
func pinStep(p *vm.Pinning) Step {
	what := "have its threads run on the CPUs that are theirs"
	if p == nil {
		what = "let its threads run on any CPU"
	}
	return Step{Kind: Pin, Name: what, Edit: &Edit{Path: pinPath, Pins: p}}
}

// pins are the steps for threads that have a place before a VM runs for the first time.
func pins(s vm.Spec) []Step {
	if s.Pinning == nil {
		return nil
	}
	return []Step{pinStep(s.Pinning)}
}

// pin comes after all other steps: what they make has threads that run where the one that made them does.
func (l *liveEdit) pin() {
	want := l.in.Effective.Pinning
	_, begun := l.process.Change(pinPath)
	grown := want != nil && slices.ContainsFunc(l.Steps, func(s Step) bool { return s.Kind == CPUs || s.Kind == Plug && s.Edit.Device.Thread != "" })
	if !grown && !begun && reflect.DeepEqual(l.process.Started.Pinning, want) || !l.due(pinPath) {
		return
	}
	l.Steps = append(l.Steps, pinStep(want))
}
