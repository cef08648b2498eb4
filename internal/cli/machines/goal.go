package machines

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// What can be waited for beside a state.
const (
	deleted     = "deleted"
	pendingNone = "pending-none" // all that was edited has taken effect

	agentAnswers = "agent" // its guest's agent answers
)

// How labels are waited for: label=KEY, label=KEY=VALUE, label!KEY.
const (
	labelled   = "label="
	unlabelled = "label!"
)

// goals are what can be waited for, beside labels.
func goals() []string {
	return []string{
		string(vm.StateRunning), string(vm.StateOff), string(vm.StatePaused), string(vm.StatePrelaunch), string(vm.StateShutdown),
		string(vm.StateCrashed), string(vm.StateSuspended), deleted, pendingNone, agentAnswers,
	}
}

// goal is what is waited for.
type goal struct {
	name   string
	labels model.Selector // instead of a state
}

func parseGoal(text string) (goal, error) {
	g := goal{name: text}
	selector, by := strings.CutPrefix(text, labelled)
	if rest, without := strings.CutPrefix(text, unlabelled); without {
		selector, by = "!"+rest, true
	}
	if !by {
		if !slices.Contains(goals(), text) {
			return g, report.Usage("--for "+strings.Join(append(goals(), "label=KEY", "label=KEY=VALUE", "'label!KEY'"), " | "), "--for %q: that cannot be waited for", text)
		}
		return g, nil
	}
	var err error
	if g.labels, err = model.ParseSelector(selector); err != nil || len(g.labels) == 0 {
		return g, report.Usage("--for label=KEY, --for label=KEY=VALUE or --for 'label!KEY'", "--for %q: these are no labels", text)
	}
	return g, nil
}

// seen is how far a VM that is there is: in a word, and whether that is what is waited for.
func (g goal) seen(v wire.VM) (state string, there bool) {
	state = string(vm.StateOff)
	p := v.Status.Power
	if p != nil {
		state = string(p.State)
	}
	switch {
	case g.labels != nil:
		return state, g.labels.Matches(v.Metadata.Labels)
	case g.name == agentAnswers:
		return state, v.Status.Guest != nil && v.Status.Guest.Answers
	case g.name == pendingNone:
		return state, p != nil && p.ObservedGeneration >= v.Metadata.Generation && len(p.Pending) == 0
	}
	return state, state == g.name
}

// reached says of a VM that it is there.
func (g goal) reached(name string) string {
	switch {
	case strings.HasPrefix(g.name, unlabelled):
		return "vm/" + name + " has no label " + strings.TrimPrefix(g.name, unlabelled)
	case g.labels != nil:
		return "vm/" + name + " has label " + strings.TrimPrefix(g.name, labelled)
	}
	if g.name == agentAnswers {
		return "vm/" + name + " has an agent that answers"
	}
	return "vm/" + name + " is " + g.name
}
