package hosts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
)

// printer tells a report to people.
type printer struct{ *session.Session }

func answerPaint(text string) screen.Paint {
	word, _, _ := strings.Cut(text, " (")
	switch fit.Answer(word) {
	case fit.Yes:
		return screen.Green
	case fit.Limited:
		return screen.Yellow
	case fit.No:
		return screen.Red
	case fit.NotAsked:
	}
	return screen.Dim
}

// report prints everything: each table, each feature, each device.
func (p printer) report(r fit.Report) {
	p.heading(r)
	for len(r.Rows) > 0 {
		n := slices.IndexFunc(r.Rows, func(row fit.Row) bool { return row.Table != r.Rows[0].Table })
		if n < 0 {
			n = len(r.Rows)
		}
		p.table(r.Rows[:n])
		r.Rows = r.Rows[n:]
	}
	fmt.Fprintln(p.Out, "\n"+p.Out.Paint(screen.Bold, "Features"))
	for _, f := range r.Features {
		p.line(string(f.ID), f.Verdict, f.NotInBuild)
	}
	p.devices(r)
}

func (p printer) heading(r fit.Report) {
	f := r.Facts
	what := strings.TrimSpace(f.OS + " " + f.Kernel + " on " + f.Arch)
	if f.CPU != nil {
		what += ", " + cmp.Or(f.CPU.Model, f.CPU.Vendor)
	}
	report.Prose(p.Out, "host "+screen.Safe(cmp.Or(f.Name, "of no name"))+": ", screen.Safe(what), "  ")
}

// table prints one table: a row a line, or a grid where the columns are choices.
func (p printer) table(rows []fit.Row) {
	fmt.Fprintln(p.Out, "\n"+p.Out.Paint(screen.Bold, string(rows[0].Table)))
	if t := rows[0].Table; t != catalogue.StorageBackends && t != catalogue.Hypervisors {
		for _, row := range rows {
			p.line(row.Row, row.Verdict, row.NotInBuild)
		}
		return
	}
	p.grid(rows)
	p.reasons(rows)
}

func (p printer) grid(rows []fit.Row) {
	t := output.Table{Columns: []output.Column{{Title: "  "}}}
	var line []string
	for i, row := range rows {
		if !slices.ContainsFunc(t.Columns, func(c output.Column) bool { return strings.EqualFold(c.Title, row.Column) }) {
			t.Columns = append(t.Columns, output.Column{Title: strings.ToUpper(row.Column), Paint: answerPaint})
		}
		if i == 0 || row.Row != rows[i-1].Row {
			line = []string{"  " + row.Row}
		}
		line = append(line, string(row.Answer))
		if i == len(rows)-1 || rows[i+1].Row != row.Row {
			t.Add(line...)
		}
	}
	_ = t.Write(p.Out, false) // a stream that takes nothing more fails for the whole at its end
}

// reasons tells each reason of a grid once, with the cells that it is of.
func (p printer) reasons(rows []fit.Row) {
	type reason struct{ why, remedy string }
	var order []reason
	of := map[reason][]string{}
	for _, row := range rows {
		if row.Answer == fit.Yes {
			continue
		}
		r := reason{row.Why, row.Remedy}
		if of[r] == nil {
			order = append(order, r)
		}
		of[r] = append(of[r], row.Row+" × "+row.Column)
	}
	for _, r := range order {
		cells := of[r]
		if len(cells) > 3 {
			cells = append(cells[:3:3], fmt.Sprintf("%d more", len(of[r])-3))
		}
		report.Prose(p.Out, "  ", strings.Join(cells, ", ")+": "+screen.Safe(r.why), "    ")
		p.try("    ", r.remedy)
	}
	if slices.ContainsFunc(rows, func(r fit.Row) bool { return r.NotInBuild && r.Table == catalogue.StorageBackends }) {
		report.Prose(p.Out, "  ", "this build keeps disks on local storage only; the others are what the host could do", "    ")
	}
}

// nameWidth is how wide the names of rows and features are.
const nameWidth = 22

// line prints one verdict, and below it the way to yes.
func (p printer) line(name string, v fit.Verdict, notInBuild bool) {
	word := string(v.Answer)
	pad := strings.Repeat(" ", max(0, len(fit.NotAsked)-len(word)))
	why := v.Why
	if notInBuild {
		why = strings.TrimPrefix(why+"; not in this build", "; ")
	}
	below := strings.Repeat(" ", nameWidth+len(fit.NotAsked)+6)
	report.Prose(p.Out, fmt.Sprintf("  %-*s  %s%s  ", nameWidth, screen.Safe(name), p.Out.Paint(answerPaint(word), word), pad), screen.Safe(why), below)
	if v.Answer != fit.Yes {
		p.try(below, v.Remedy)
	}
}

func (p printer) try(indent, remedy string) {
	if remedy != "" {
		report.Prose(p.Out, indent, "try: "+screen.Safe(remedy), indent+"  ")
	}
}

func (p printer) devices(r fit.Report) {
	if len(r.Devices) == 0 {
		return
	}
	fmt.Fprintln(p.Out, "\n"+p.Out.Paint(screen.Bold, "Devices that a VM could get"))
	var before fit.Device
	for _, d := range r.Devices {
		report.Prose(p.Out, "  ", screen.Safe(d.Name), "    ")
		v := d.Verdict
		if v == before.Verdict && v.Answer == fit.No { // one cause, told once
			v.Why, v.Remedy = "the same", ""
		}
		before = d
		p.line("", v, false)
	}
}

// feature prints one feature with its needs and devices.
func (p printer) feature(r fit.Report) {
	p.heading(r)
	for _, f := range r.Features {
		fmt.Fprintf(p.Out, "\n%s: %s\n", f.Name, p.Out.Paint(answerPaint(string(f.Answer)), string(f.Answer)))
		if f.NotInBuild {
			report.Prose(p.Out, "  ", "not in this build: the host's verdict holds for the release that brings it", "    ")
		}
		for _, n := range f.Needs {
			name := string(n.Need)
			if n.Of != "" {
				name += " (" + string(n.Of) + ")"
			}
			p.line(name, n.Verdict, false)
		}
		if f.Answer != fit.Yes || len(f.Needs) == 0 {
			report.Prose(p.Out, "  ", screen.Safe(f.Why), "    ")
			p.try("  ", f.Remedy)
		}
	}
	p.devices(r)
}
