package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestErrorsNameTheThingTheCauseAndTheNextStep(t *testing.T) {
	held := fault.New(fault.Conflict, "volume %q is held by operation 7f3a (backup, 41 %%)", "web-root").
		WithCode("HV-VOL-003").Try("hv operation wait 7f3a, or hv operation cancel 7f3a")
	refusal := finding.Refusal{Findings: finding.List{
		{Code: "HV-B-2", Severity: finding.Limited, What: "slow"},
		{Code: "HV-A-1", Severity: finding.Refused, What: "no", Why: "reasons", Remedy: "ask", Position: finding.Position{File: "a.nix", Line: 3, Column: 7}},
		{Code: "HV-A-2", Severity: finding.Refused, What: "never"},
	}}
	_, unreadable := config.ReadString(t.Context(), config.YAML, "a.yaml", "hypervisor:\n  vms:\n    web: {cpuz: 1}\n")
	for _, c := range []struct {
		name string
		err  error
		want []string
	}{
		{"wrapped", fault.Wrap(held, `cannot start vm "web"`), []string{
			`error: cannot start vm "web"`,
			`  volume "web-root" is held by operation 7f3a (backup, 41 %)          HV-VOL-003`,
			`  try: hv operation wait 7f3a, or hv operation cancel 7f3a`,
		}},
		{"one text of the daemon's", fault.New(fault.Precondition, `cannot pause vm "web": it is off`).WithCode("HV-VM-005"), []string{
			`error: cannot pause vm "web"`,
			`  it is off                                                            HV-VM-005`,
		}},
		{"no cause", fault.New(fault.NotFound, "there is no vm %q", "web").WithCode("HV-VM-001"), []string{
			`error: there is no vm "web"                                            HV-VM-001`,
		}},
		{"foreign", errors.New("broken pipe"), []string{`error: broken pipe`}},
		{"longer than a line", fault.New(fault.Invalid, "%s", strings.Repeat("x", 90)).WithCode("HV-X-1"), []string{
			"error: " + strings.Repeat("x", 90) + "  HV-X-1",
		}},
		{"findings", fault.New(fault.Denied, "cannot apply").Because(refusal), []string{
			`error: cannot apply`,
			`refused      no                                                           HV-A-1`,
			`             a.nix:3:7`,
			`             because reasons`,
			`             try: ask`,
			`refused      never                                                        HV-A-2`,
			`limited      slow                                                         HV-B-2`,
			`2 refused, 1 limited`,
		}},
		{"file", unreadable, []string{
			`error: cannot read a.yaml`,
			`  a.yaml:3:11: hypervisor.vms.web.cpuz: there is no such key  HV-DECL-002`,
			`      3 |     web: {cpuz: 1}`,
			`        |           ^`,
		}},
		{"told", Told(Refused), nil},
		{"interrupted", &Ended{Interrupted, fault.New(fault.Unavailable, "operation 7f3a goes on")}, []string{"interrupted: operation 7f3a goes on"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			Error(screen.Of(&out, screen.Auto, false), c.err)
			got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if c.name == "file" {
				got = got[:min(len(got), len(c.want))] // the hint is config's
			}
			if want := strings.Join(c.want, "\n"); strings.Join(got, "\n") != want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, Done},
		{errors.New("x"), Refused},
		{fault.New(fault.Denied, "x"), Refused},
		{fault.New(fault.Invalid, "x"), Refused},
		{fault.New(fault.Unavailable, "x"), Refused},
		{Usage("hint", "x"), Misused},
		{fault.New(fault.Unreadable, "x"), Misused},
		{fmt.Errorf("y: %w", &config.Problems{Kind: fault.Invalid}), Misused},
		{fault.New(fault.Unreadable, "x").WithCode(wire.CodeStrangers), Refused},
		{fault.Wrap(fault.New(fault.NotFound, "x"), "y"), Missing},
		{fault.New(fault.Unavailable, "x").WithCode(wire.CodeNoDaemon), NoDaemon},
		{fault.New(fault.Denied, "x").WithCode(wire.CodeNoEntry), NoDaemon},
		{ErrTimeUp, TimeUp},
		{context.DeadlineExceeded, TimeUp},
		{fault.Wrap(ErrInterrupted, "y"), Interrupted},
		{context.Canceled, Interrupted},
		{Told(TimeUp), TimeUp},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("%v: %d, not %d", c.err, got, c.want)
		}
	}
}

func TestTheWorstOfManyCodesWins(t *testing.T) {
	order := []Code{Done, Missing, Refused, TimeUp, Misused, NoDaemon, Interrupted}
	for i, a := range order {
		for j, b := range order {
			if got := Worst(a, b); got != order[max(i, j)] {
				t.Errorf("%d and %d: %d", a, b, got)
			}
		}
	}
}

func TestWrappingLosesNoWord(t *testing.T) {
	text := "one two three four five six seven eight nine ten " + strings.Repeat("long", 20) + " end"
	lines := screen.Wrap(text, 24)
	if got := strings.Join(lines, " "); got != text {
		t.Errorf("%q", got)
	}
	for _, l := range lines {
		if len(l) > 24 && strings.Contains(l, " ") {
			t.Errorf("%q is too long", l)
		}
	}
}

func TestProblemsOfAFileAreFindingsForPrograms(t *testing.T) {
	_, err := config.ReadString(t.Context(), config.JSON, "a.json", `{"hypervisor": {"vms": 1, "nope": 2}}`)
	p := Problem(err)
	if len(p.Findings) != 2 || p.Findings[0].Position.Line != 1 || p.Status != 422 {
		t.Errorf("%+v", p)
	}
}

// What is behind a lead is wrapped with it; what paints the lead takes no room, and a tree's branches are drawn on.
func TestProseIsWrappedAtAPageBehindItsLead(t *testing.T) {
	var b bytes.Buffer
	s := screen.Of(&b, screen.Always, false)
	Prose(s, s.Paint(screen.Red, "+ x")+"  ", strings.Repeat("word ", 20)+"end", "    ")
	Folded(s, "├── "+strings.Repeat("word ", 20)+"\n│   └── "+strings.Repeat("word ", 20)+"end\nshort\n")
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for _, l := range lines {
		if n := screen.Columns(l); n > screen.DefaultWidth || n < 5 {
			t.Errorf("%d columns: %q", n, l)
		}
	}
	for i, begin := range []string{"\x1b[31m+ x\x1b[0m  word", "    word", "├── word", "│     word", "│   └── word", "│         word", "short"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], begin) {
			t.Errorf("line %d does not begin with %q:\n%s", i, begin, b.String())
		}
	}
	if n := strings.Count(b.String(), "word"); n != 60 {
		t.Errorf("%d words of 60", n)
	}
}
