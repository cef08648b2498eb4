package declaration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// interview asks for a first declaration, step by step. An answer that does not do is asked for again, with what is
// wrong with it.
type interview struct{ s *session.Session }

func (i interview) run(ctx context.Context) (config.Draft, error) {
	presets := config.Presets()
	n, err := i.choose(ctx, "What is this host for?", 0, presetLines(presets))
	if err != nil {
		return config.Draft{}, err
	}
	d := config.Draft{For: presets[n].Name, Features: presets[n].Declaration}
	if err := i.tolerance(ctx, &d.Features); err != nil {
		return d, err
	}
	if err := i.features(ctx, &d.Features); err != nil {
		return d, err
	}
	d.VM, err = i.vm(ctx)
	return d, err
}

func presetLines(all []config.Preset) []string {
	var lines []string
	for _, p := range all {
		what := "the profile " + p.Profile
		if p.EnabledFeatures != nil {
			what = strings.Join(*p.EnabledFeatures, ", ")
		}
		lines = append(lines, p.Name+": "+what)
	}
	return lines
}

// ask asks for a line; an empty answer is otherwise. The end of input ends the call, and nothing was written.
func (i interview) ask(ctx context.Context, question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	answer, err := i.s.Ask(ctx, question+":")
	if err == nil && !strings.HasSuffix(answer, "\n") {
		fmt.Fprintln(i.s.Err)
		i.s.Notice("nothing was written")
		err = report.Told(report.Refused)
	}
	if err != nil {
		return "", err
	}
	if answer = strings.TrimSpace(answer); answer == "" {
		return otherwise, nil
	}
	return answer, nil
}

// choose asks for one of several lines, by its number.
func (i interview) choose(ctx context.Context, question string, otherwise int, lines []string) (int, error) {
	fmt.Fprintln(i.s.Err, i.s.Err.Paint(screen.Bold, question))
	for n, l := range lines {
		fmt.Fprintf(i.s.Err, "  %d  %s\n", n+1, l)
	}
	for {
		answer, err := i.ask(ctx, "its number", strconv.Itoa(otherwise+1))
		if err != nil {
			return 0, err
		}
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(lines) {
			return n - 1, nil
		}
		fmt.Fprintf(i.s.Err, "a number from 1 to %d, please\n", len(lines))
	}
}

// tolerance asks how much risk one feature may have, and leaves out what is above that.
func (i interview) tolerance(ctx context.Context, f *feature.Declaration) error {
	var lines []string
	otherwise := 0
	for n, t := range catalogue.Tolerances() {
		limit, _ := catalogue.Tolerance(t).Cap()
		lines = append(lines, fmt.Sprintf("%s: up to %s", t, limit))
		if t == f.RiskTolerance {
			otherwise = n
		}
	}
	n, err := i.choose(ctx, "How much risk may one feature have?", otherwise, lines)
	if err != nil {
		return err
	}
	f.RiskTolerance = catalogue.Tolerances()[n]
	if f.EnabledFeatures == nil {
		return nil
	}
	limit, _ := catalogue.Tolerance(f.RiskTolerance).Cap()
	kept := []string{}
	for _, id := range *f.EnabledFeatures {
		if one, _, err := catalogue.Lookup(id); err == nil && one.Risk.Over(limit) {
			fmt.Fprintf(i.s.Err, "left out: %s, whose risk is %s\n", id, one.Risk)
			continue
		}
		kept = append(kept, id)
	}
	f.EnabledFeatures = &kept
	return nil
}

// features shows what the features come to, and takes edits of them until they are kept.
func (i interview) features(ctx context.Context, f *feature.Declaration) error {
	fmt.Fprintln(i.s.Err, i.s.Err.Paint(screen.Bold, "Which features?"))
	show := true
	for {
		if show {
			i.show(*f)
		}
		show = false
		answer, err := i.ask(ctx, "Enter keeps them; +snapshots adds one, -api leaves one out, ? lists all", "")
		switch {
		case err != nil:
			return err
		case answer == "":
			return nil
		case answer == "?":
			i.list()
			continue
		}
		next, err := edited(*f, strings.Fields(answer))
		if err == nil {
			err = i.reasons(ctx, *f, &next)
		}
		if _, ended := errors.AsType[*report.Ended](err); ended || ctx.Err() != nil {
			return err
		}
		if err == nil {
			err = refused(next)
		}
		if err != nil {
			report.Error(i.s.Err, err)
			continue
		}
		*f, show = next, true
	}
}

// show prints the features beyond core that f comes to.
func (i interview) show(f feature.Declaration) {
	r := feature.Resolve(f, feature.Facts{})
	t := output.Table{Columns: []output.Column{{Title: "FEATURE"}, {Title: "RISK", Paint: RiskPaint}, {Title: "WHAT IT DOES", Cut: true}}}
	for _, e := range r.Effective {
		if one, ok := catalogue.Default().Get(e.ID); ok && !one.Core {
			t.Add(string(e.ID), string(one.Risk), one.On)
		}
	}
	if len(t.Rows) == 0 {
		fmt.Fprintln(i.s.Err, "none beyond core: VMs, disks, images, NAT network")
		return
	}
	_ = t.Write(i.s.Err, false) // the next question meets a screen that is gone
}

func (i interview) list() {
	t := output.Table{Columns: []output.Column{{Title: "FEATURE"}, {Title: "RISK", Paint: RiskPaint}, {Title: "WHAT IT DOES", Cut: true}}}
	for _, f := range catalogue.All() {
		if !f.Core {
			t.Add(string(f.ID), string(f.Risk), f.On)
		}
	}
	_ = t.Write(i.s.Err, false)
}

// edited is f with features added and left out: of its list where it has one, and beside its profile else.
func edited(f feature.Declaration, edits []string) (feature.Declaration, error) {
	extra, disabled := slices.Clone(f.ExtraFeatures), slices.Clone(f.DisabledFeatures)
	list := &extra
	if f.EnabledFeatures != nil {
		enabled := slices.Clone(*f.EnabledFeatures)
		list, f.EnabledFeatures = &enabled, &enabled
	}
	without := func(l []string, id string) []string {
		return slices.DeleteFunc(l, func(have string) bool { return have == id })
	}
	for _, e := range edits {
		sign, name := e[:1], e[1:]
		if sign != "+" && sign != "-" {
			sign, name = "+", e
		}
		one, _, err := catalogue.Lookup(name)
		if err != nil {
			return f, err
		}
		id := string(one.ID)
		*list, disabled = without(*list, id), without(disabled, id)
		switch {
		case sign == "+":
			*list = append(*list, id)
		case f.EnabledFeatures == nil:
			disabled = append(disabled, id)
		}
	}
	f.DisabledFeatures = disabled
	if f.EnabledFeatures == nil {
		f.ExtraFeatures = extra
	}
	return f, nil
}

// reasons asks why a high risk that next takes on is worth it, where its tolerance wants to know.
func (i interview) reasons(ctx context.Context, before feature.Declaration, next *feature.Declaration) error {
	named := slices.Clone(next.ExtraFeatures)
	if next.EnabledFeatures != nil {
		named = append(named, *next.EnabledFeatures...)
	}
	acknowledged := map[string]string{}
	limit, _ := catalogue.Tolerance(next.RiskTolerance).Cap()
	for _, id := range named {
		one, _, err := catalogue.Lookup(id)
		if err != nil || !one.Risk.WantsAcknowledgement() || catalogue.Tolerance(next.RiskTolerance).Waives() || one.Risk.Over(limit) {
			continue
		}
		reason := before.AcknowledgedRisks[id]
		for reason == "" {
			if reason, err = i.ask(ctx, fmt.Sprintf("%s is of %s risk (%s). Why is it worth it?", id, one.Risk, one.Exposes), ""); err != nil {
				return err
			}
		}
		acknowledged[id] = reason
	}
	next.AcknowledgedRisks = nil
	if len(acknowledged) > 0 {
		next.AcknowledgedRisks = acknowledged
	}
	return nil
}

// refused is why features do not go together; nil where they do.
func refused(f feature.Declaration) error {
	r := config.Check(config.Declaration{FeatureManager: f}, host.Facts{})
	if !r.Refused() {
		return nil
	}
	return fault.New(fault.Invalid, "these do not go together").Because(finding.Refusal{Findings: r.Findings.Of(finding.Refused)})
}

// vm asks for a first VM; none where no name is given.
func (i interview) vm(ctx context.Context) (*vm.Definition, error) {
	fmt.Fprintln(i.s.Err, i.s.Err.Paint(screen.Bold, "A first VM?"))
	for {
		name, err := i.ask(ctx, "its name, or Enter for none", "")
		if err != nil || name == "" {
			return nil, err
		}
		d := vm.Definition{Name: name, Spec: vm.Spec{Power: vm.Off}}
		cpus, err := i.ask(ctx, "vCPUs", "2")
		if err != nil {
			return nil, err
		}
		memory, err := i.ask(ctx, "memory", "2GiB")
		if err != nil {
			return nil, err
		}
		on, err := i.ask(ctx, "start it once it is declared? y or n", "n")
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(strings.ToLower(on), "y") {
			d.Power = vm.On
		}
		if d.CPUs, err = strconv.Atoi(cpus); err != nil {
			err = fault.New(fault.Invalid, "%q is no number of vCPUs", cpus)
		} else if d.Memory, err = model.ParseBytes(memory); err == nil {
			if r := config.CheckVMs([]vm.Definition{d}, nil, host.Facts{}, feature.Resolution{}); r.Refuses() {
				err = fault.New(fault.Invalid, "it cannot be so").Because(finding.Refusal{Findings: r.Of(finding.Refused)})
			}
		}
		if err == nil {
			return &d, nil
		}
		report.Error(i.s.Err, err)
	}
}
