// Package top holds `hv vm top`: what VMs use, once, line by line, or on a screen of its own.
//
// What lives here: asking again and again while somebody looks, and the screen. What does not: counting (the daemon).
package top

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// empty is said where no VM has a process.
const empty = "no VM runs: hv vm list, then hv vm start NAME"

// Command returns `hv vm top`.
func Command(s *session.Session) *cobra.Command {
	t := &top{Session: s}
	var every string
	cmd := &cobra.Command{
		Use:   "top [NAME…]",
		Short: "Show what VMs use: processor, memory, disks",
		Long: `Shows what the VMs that run use, again every --interval, until q or Ctrl-C. On a terminal it has a screen of its own:
the arrows left and right, or < and >, choose the column to sort by, up and down scroll. Elsewhere it prints a table each time, with
-o json a list a line. --once prints it once.

CPU is of one processor: 150 % is one and a half. RSS is the host's memory that a VM's process holds, MEMORY what its guest was
given. Reads and writes are those of the guest, on all its disks and drives, in a second. What is not known is –. The host is
read only while somebody looks; the first look takes a second.`,
		Example:           "  hv vm top\n  hv vm top --sort cpu -l tier=web\n  hv vm top --once -o json",
		ValidArgsFunction: s.Live(0, s.VMs),
		Args:              t.check,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if t.every, err = session.Duration("interval", every); err != nil || t.every < time.Second {
				return report.Usage("--interval 2s", "--interval %q: at least a second", every)
			}
			t.names = args
			if t.client, err = s.Client(); err != nil {
				return err
			}
			switch {
			case t.once:
				return t.printOnce(cmd.Context())
			case s.Out.IsTerminal() && !s.Output.ForPrograms() && s.Output != output.Name:
				return t.live(cmd.Context())
			}
			return t.lines(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.sort, "sort", "name", "the column to sort by: "+strings.Join(wire.UsageColumns(), ", "))
	f.BoolVar(&t.once, "once", false, "print it once")
	f.StringVar(&every, "interval", "2s", "how long between two samples")
	session.Values(cmd, "sort", wire.UsageColumns()...)
	session.Values(cmd, "interval", "1s", "2s", "10s")
	s.Selects(cmd)
	return cmd
}

// top is one call of the command.
type top struct {
	*session.Session
	client *client.Client
	names  []string
	sort   string
	once   bool
	every  time.Duration
}

func (t *top) check(_ *cobra.Command, args []string) error {
	if len(args) > 0 && t.Selector != "" {
		return report.Usage("hv vm top NAME…, or hv vm top -l tier=web", "name VMs, or choose with -l: not both")
	}
	if !slices.Contains(wire.UsageColumns(), t.sort) {
		return report.Usage("--sort "+strings.Join(wire.UsageColumns(), " | "), "--sort %q: there is no such column", t.sort)
	}
	return nil
}

// ask asks what those who were chosen use, all pages of it.
func (t *top) ask(ctx context.Context, sort string) (wire.UsagePage, error) {
	opt := client.UsageOptions{ListOptions: t.Select(), Sort: sort}
	opt.Limit = 1000
	all := wire.UsagePage{Items: []wire.VMUsage{}}
	for {
		p, err := t.client.UsagePage(ctx, t.Project, opt)
		if err != nil {
			return all, err
		}
		all.Items = append(all.Items, p.Items...)
		all.At, all.Total, all.Totals = p.At, p.Total, p.Totals
		if p.Next == "" {
			break
		}
		opt.Cursor = p.Next
	}
	if len(t.names) == 0 {
		return all, nil
	}
	return t.named(ctx, all)
}

// named leaves those that were named. Of one that is not among those that run, the daemon says why.
func (t *top) named(ctx context.Context, all wire.UsagePage) (wire.UsagePage, error) {
	have := map[string]bool{}
	all.Items = slices.DeleteFunc(all.Items, func(u wire.VMUsage) bool {
		have[u.Name] = slices.Contains(t.names, u.Name)
		return !have[u.Name]
	})
	for _, name := range t.names {
		if have[name] {
			continue
		}
		if _, err := t.client.Usage(ctx, t.Ref(name)); err != nil {
			return all, err
		}
	}
	host := all.Totals
	all.Total, all.Totals = len(all.Items), wire.TotalUsage(all.Items)
	all.Totals.HostCPUs, all.Totals.HostMemory = host.HostCPUs, host.HostMemory
	return all, nil
}

func (t *top) printOnce(ctx context.Context) error {
	p, err := t.ask(ctx, t.sort)
	if err != nil {
		return err
	}
	if t.Output.ForPrograms() {
		return t.Output.Value(t.Out, p)
	}
	return t.print(p)
}

// print prints a table, or names.
func (t *top) print(p wire.UsagePage) error {
	if t.Output == output.Name {
		for _, u := range p.Items {
			fmt.Fprintln(t.Out, u.Name)
		}
		return nil
	}
	table := tableOf(p)
	if err := t.Table(&table, empty); err != nil || len(p.Items) == 0 {
		return err
	}
	_, err := fmt.Fprintln(t.Out, sum(p.Totals))
	return err
}

// lines prints it again and again, until the call ends.
func (t *top) lines(ctx context.Context) error {
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for {
		p, err := t.ask(ctx, t.sort)
		if ctx.Err() != nil {
			return report.Stopped(ctx)
		}
		if err != nil {
			return err
		}
		if t.Output.ForPrograms() {
			err = line(t, p)
		} else {
			err = t.print(p)
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return report.Stopped(ctx)
		}
	}
}

// line prints a sample among others: as one line of JSON, a document of YAML, or a value of Nix.
func line(t *top, p wire.UsagePage) error {
	if t.Output == output.YAML {
		fmt.Fprintln(t.Out, "---")
	}
	if t.Output != output.JSON {
		return t.Output.Value(t.Out, p)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.Out, "%s\n", text)
	return err
}
