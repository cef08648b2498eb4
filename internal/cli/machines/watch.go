package machines

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// watching is a list that goes on.
type watching struct {
	s      *session.Session
	client *client.Client
	rows   *output.Rows
	shown  map[string]string // by name, what was last shown of a VM
}

// watch lists, and goes on with one line for each change until ctx ends.
func watch(ctx context.Context, s *session.Session, c *client.Client, l session.Listing[wire.VMSummary]) error {
	all, err := l.Collect(ctx, s.Select())
	if err != nil {
		return err
	}
	w := &watching{s: s, client: c, rows: output.NewRows(l.Table), shown: map[string]string{}}
	if err := w.begin(all.Items); err != nil {
		return err
	}
	prefix := "vm/" + s.Project + "/"
	for ev, err := range c.Events(ctx, client.EventOptions{From: all.Revision + 1, Types: []string{"vm."}, Subject: prefix}) {
		if err == nil {
			err = w.changed(ctx, strings.TrimPrefix(ev.Subject, prefix))
		}
		if ctx.Err() != nil {
			return report.Stopped(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin prints what there is.
func (w *watching) begin(all []wire.VMSummary) error {
	table := !w.s.Output.ForPrograms() && w.s.Output != output.Name
	for _, v := range all {
		w.shown[v.Name] = text(v)
		if table {
			w.rows.Table.Add(row(w.s.Now(), v)...)
		} else if err := w.print(v); err != nil {
			return err
		}
	}
	if !table {
		return nil
	}
	return w.rows.Begin(w.s.Out, w.s.Output == output.Wide)
}

// changed prints what a VM is like now, where that is anything new.
func (w *watching) changed(ctx context.Context, name string) error {
	opt := w.s.Select()
	opt.Filter = name
	for v, err := range w.client.VMs(ctx, w.s.Project, opt) {
		if err != nil {
			return err
		}
		if v.Name != name {
			continue
		}
		if now := text(v); w.shown[name] != now {
			w.shown[name] = now
			return w.print(v)
		}
		return nil
	}
	if w.shown[name] == "" {
		return nil // -l does not choose it
	}
	delete(w.shown, name)
	return w.print(wire.VMSummary{Name: name, Project: w.s.Project, State: deleted})
}

// text is all that is shown of a VM, to compare by. It cannot fail: a summary is plain data.
func text(v wire.VMSummary) string {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(line)
}

func (w *watching) print(v wire.VMSummary) error {
	switch {
	case w.s.Output.ForPrograms():
		_, err := fmt.Fprintln(w.s.Out, text(v))
		return err
	case w.s.Output == output.Name:
		_, err := fmt.Fprintln(w.s.Out, v.Name)
		return err
	}
	return w.rows.Add(w.s.Out, row(w.s.Now(), v)...)
}
