package vm

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/vm-states.md anew")

const statesPage = "../../docs/vm-states.md"

// meanings say a state in a user's words.
var meanings = map[State]string{
	StateOff:       "there is no process",
	StateStarting:  "there is a process, not under control yet",
	StatePrelaunch: "under control, and the guest has not run one instruction",
	StateRunning:   "the guest runs",
	StatePaused:    "its vCPUs are stopped; its memory is kept",
	StateStopping:  "the guest was asked to power off, or its process is being ended",
	StateShutdown:  "the guest has powered off; its process is about to be ended",
	StateCrashed:   "the guest panicked or its process died; it stays so until somebody starts it",
	StateUnknown:   "there is a process that does not answer",
	StateSuspended: "there is no process; its memory and devices are in a file, from which it goes on",
}

// target is the state that a verb leads to from state s, and whether the diagram draws it. What can be asked of the
// states in which a VM is for a moment only stands in the table.
func target(v Verb, s State) (State, bool) {
	switch s {
	case StateStarting, StatePrelaunch, StateShutdown:
		return "", false
	case StateOff, StateCrashed:
		return StateStarting, v == VerbStart
	case StateSuspended:
		return StateStarting, v == VerbStart || v == VerbResume
	case StateRunning, StatePaused, StateStopping, StateUnknown:
	}
	switch v {
	case VerbStart, VerbResume, VerbReboot, VerbReset:
		return StateRunning, s == StatePaused || s == StateRunning
	case VerbStop:
		return StateStopping, s != StateUnknown
	case VerbKill:
		return StateOff, true
	case VerbPause:
		return StatePaused, true
	case VerbSuspend:
		return StateSuspended, true
	case VerbDelete, VerbEdit, VerbConsole:
	}
	return "", false
}

// turns are what happens to a VM without a verb.
var turns = []struct {
	from, to State
	why      string
}{
	{StateStarting, StatePrelaunch, "its monitor answers"},
	{StatePrelaunch, StateRunning, "it is let run"},
	{StateRunning, StateShutdown, "the guest powers off"},
	{StateStopping, StateShutdown, "the guest powers off"},
	{StateShutdown, StateOff, "its process is ended"},
	{StateRunning, StateCrashed, "panic, or its process died"},
	{StateRunning, StateUnknown, "it does not answer"},
	{StateUnknown, StateRunning, "it answers again"},
}

func TestThePageOfStatesIsMadeFromTheTable(t *testing.T) {
	want := page()
	if *update {
		if err := os.WriteFile(statesPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(statesPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/vm-states.md is not what the table of verbs comes to: go test ./model/vm -update")
	}
}

func TestEveryStateIsExplained(t *testing.T) {
	for _, s := range States() {
		if meanings[s] == "" {
			t.Errorf("docs/vm-states.md does not explain state %s", s)
		}
	}
}

func page() string {
	var b strings.Builder
	b.WriteString("# States of a VM\n\nMade from the table of verbs by `go test ./model/vm -update`. How VMs are run: [run-vms.md](run-vms.md).\n\n")
	b.WriteString("| State | Means |\n|---|---|\n")
	for _, s := range States() {
		fmt.Fprintf(&b, "| %s | %s |\n", s, meanings[s])
	}
	b.WriteString("\n## What may be asked in which state\n\n*yes*: it is done. *already*: it is so, and nothing changes. *–*: it is refused, with the next step.\n\n")
	table(&b)
	b.WriteString("\n`delete --force` ends a VM first, in every state. *edit* is a change of its spec; what a running VM cannot take takes\neffect at its next start, and `hv vm show` lists it until then.\n")
	b.WriteString("\n## From state to state\n\n`hv vm` and a word: what was asked. The rest happens by itself. A start that comes while a VM is still stopping starts it\nonce it is down.\n\n")
	diagram(&b)
	return b.String()
}

func table(b *strings.Builder) {
	fmt.Fprint(b, "| State |")
	for _, v := range Verbs() {
		fmt.Fprintf(b, " %s |", v)
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---|", len(Verbs())))
	words := map[Verdict]string{Yes: "yes", Done: "already", Never: "–"}
	for _, s := range States() {
		fmt.Fprintf(b, "| %s |", s)
		for _, v := range Verbs() {
			fmt.Fprintf(b, " %s |", words[Allowed(v, s)])
		}
		b.WriteString("\n")
	}
}

func diagram(b *strings.Builder) {
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> off\n")
	for _, s := range States() {
		for _, to := range States() {
			var asked []string
			for _, v := range Verbs() {
				if t, drawn := target(v, s); drawn && t == to && Allowed(v, s) == Yes {
					asked = append(asked, string(v))
				}
			}
			if len(asked) > 0 {
				fmt.Fprintf(b, "    %s --> %s : hv vm %s\n", s, to, strings.Join(asked, ", "))
			}
		}
		if Allowed(VerbDelete, s) == Yes {
			fmt.Fprintf(b, "    %s --> [*] : hv vm delete\n", s)
		}
	}
	for _, turn := range turns {
		fmt.Fprintf(b, "    %s --> %s : %s\n", turn.from, turn.to, turn.why)
	}
	b.WriteString("```\n")
}
