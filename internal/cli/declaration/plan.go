package declaration

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func refusalOf(err error) (finding.Refusal, bool) { return errors.AsType[finding.Refusal](err) }

// maxLines is how many options, and how many VMs, a plan tells one by one: more than that nobody reads.
const maxLines = 100

// tellPlan says what will become of each thing, and what speaks against it.
func tellPlan(s *session.Session, to screen.Screen, p wire.Preview) {
	tellChanges(to, p.Changes)
	if p.Config != nil {
		tellFeatures(to, p.Config.Features)
		tellPools(to, p.Config.Pools)
		tellShares(to, p.Config.Shares)
		tellKeys(to, p.Config.Keys)
		tellSources(to, p.Config.Sources)
		tellVMs(to, *p.Config)
		fmt.Fprintln(to, generationLine(*p.Config))
	}
	s.Findings(p.Findings)
}

func generationLine(c wire.ConfigPlan) string {
	switch {
	case c.Generation == c.Standing:
		return fmt.Sprintf("generation %d stands on", c.Standing)
	case c.Restores > 0:
		return fmt.Sprintf("generation %d: what generation %d declared", c.Generation, c.Restores)
	case c.Standing == 0:
		return "generation 1: the first declaration"
	}
	return fmt.Sprintf("generation %d, in place of %d", c.Generation, c.Standing)
}

func tellFeatures(to screen.Screen, all []wire.PlannedFeature) {
	if len(all) == 0 {
		return
	}
	t := output.Table{Columns: []output.Column{{Title: "FEATURE"}, {Title: "WAS", Paint: StatePaint}, {Title: "IS THEN", Paint: StatePaint}, {Title: "WHY", Cut: true}, {Title: "VMS", Cut: true}}}
	for _, f := range all {
		t.Add(f.ID, f.Was, f.Is, strings.ReplaceAll(strings.Join(f.Why, ", "), "hypervisor.featureManager.", ""), strings.Join(f.VMs, ", "))
	}
	_ = t.Write(to, false) // a screen that is gone is noticed by what follows
}

func tellPools(to screen.Screen, all []wire.PlannedPool) {
	t := output.Table{Columns: []output.Column{{Title: "POOL"}, {Title: "BECOMES", Paint: becomesPaint}, {Title: "WHERE", Cut: true}}}
	for _, p := range all {
		if p.Becomes != wire.Unchanged {
			t.Add(p.Name, p.Becomes, p.Where)
		}
	}
	if len(t.Rows) > 0 {
		_ = t.Write(to, false)
	}
}

func tellShares(to screen.Screen, all []wire.PlannedShare) {
	t := output.Table{Columns: []output.Column{{Title: "SHARE"}, {Title: "BECOMES", Paint: becomesPaint}, {Title: "FOLDER", Cut: true}}}
	for _, p := range all {
		if p.Becomes != wire.Unchanged {
			t.Add(p.Name, p.Becomes, p.Path)
		}
	}
	if len(t.Rows) > 0 {
		_ = t.Write(to, false)
	}
}

func tellKeys(to screen.Screen, all []wire.PlannedKey) {
	t := output.Table{Columns: []output.Column{{Title: "KEY"}, {Title: "BECOMES", Paint: becomesPaint}, {Title: "SEALED BY", Cut: true}}}
	for _, k := range all {
		if k.Becomes != wire.Unchanged {
			t.Add(k.Name, k.Becomes, k.Sealed)
		}
	}
	if len(t.Rows) > 0 {
		_ = t.Write(to, false)
	}
}

func tellSources(to screen.Screen, all []wire.PlannedImageSource) {
	t := output.Table{Columns: []output.Column{{Title: "IMAGE SOURCE"}, {Title: "BECOMES", Paint: becomesPaint}, {Title: "KIND"}, {Title: "URL", Cut: true}}}
	for _, i := range all {
		if i.Becomes != wire.Unchanged {
			t.Add(i.Name, i.Becomes, string(i.Kind), i.URL)
		}
	}
	if len(t.Rows) > 0 {
		_ = t.Write(to, false)
	}
}

func tellVMs(to screen.Screen, c wire.ConfigPlan) {
	t := output.Table{Columns: []output.Column{{Title: "VM"}, {Title: "BECOMES", Paint: becomesPaint}, {Title: "WHAT", Cut: true}}}
	same, more := 0, 0
	for _, v := range c.VMs {
		if v.Becomes == wire.Unchanged {
			same++
			continue
		}
		if len(t.Rows) == maxLines {
			more++
			continue
		}
		t.Add(v.Name, v.Becomes, whatOf(v))
	}
	if len(t.Rows) > 0 {
		_ = t.Write(to, false)
	}
	var rest []string
	if more > 0 {
		rest = append(rest, fmt.Sprintf("%d more that change", more))
	}
	if same > 0 {
		rest = append(rest, fmt.Sprintf("%d unchanged", same))
	}
	if c.Untouched > 0 {
		rest = append(rest, fmt.Sprintf("%d not the declaration's, left alone", c.Untouched))
	}
	if len(rest) > 0 {
		fmt.Fprintln(to, "VMs: "+strings.Join(rest, ", "))
	}
}

// whatOf is what of a VM changes, in a line.
func whatOf(v wire.PlannedVM) string {
	var parts, later []string
	for _, c := range v.Changes {
		if !c.Restart {
			parts = append(parts, c.Path)
			continue
		}
		text := c.Path
		if c.Why != "" {
			text += " (" + c.Why + ")"
		}
		later = append(later, text)
	}
	if v.Again {
		parts = append([]string{"declared again"}, parts...)
	}
	if len(later) > 0 {
		parts = append(parts, "at its next start: "+strings.Join(later, ", "))
	}
	parts = append(parts, v.Makes...)
	if v.Power != "" && v.Becomes != wire.Stopped {
		parts = append(parts, "power "+string(v.Power))
	}
	if len(v.Volumes) > 0 {
		parts = append(parts, "keeps "+strings.Join(v.Volumes, ", "))
	}
	return strings.Join(parts, ", ")
}

func becomesPaint(word string) screen.Paint {
	switch word {
	case wire.Created, wire.Changed, wire.ChangedLive:
		return screen.Green
	case wire.PendingRestart:
		return screen.Yellow
	case wire.Stopped:
		return screen.Red
	}
	return screen.Dim
}
