package machines

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/guests"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/snapshots"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func show(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show one VM: what is wished, what was seen",
		Long: `Shows one VM: what is wished of it, what was seen of it and when, every value that holds for it with the
defaults marked, and what limits it. -o json prints the API's object and nothing else, -o nix the VM as
a declaration has it.`,
		Example:           "  hv vm show first\n  hv vm show first -o json",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			v, err := c.VM(cmd.Context(), s.Ref(args[0]))
			if err != nil {
				return err
			}
			switch {
			case s.Output == output.Nix:
				return asDeclared(s, v)
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, v)
			case s.Output == output.Name:
				fmt.Fprintln(s.Out, v.Metadata.Name)
				return nil
			}
			return printVM(s, v)
		},
	}
}

func printVM(s *session.Session, v wire.VM) error {
	p := v.Status.Power
	state := vm.StateOff
	if p != nil {
		state = p.State
	}
	fmt.Fprintf(s.Out, "vm %s: %s, wished %s\n", v.Metadata.Name, s.Out.Paint(statePaint(string(state)), string(state)), v.Effective.Power)
	var f output.Fields
	if p != nil {
		seen(s, &f, p)
	}
	guests.Fields(s, &f, v.Status.Guest)
	snapshots.Schedule(s, &f, v.Status.Schedule)
	wished(s, &f, v)
	if err := f.Write(s.Out); err != nil {
		return err
	}
	spec, err := output.Flatten(v.Effective, v.Defaults)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "\nspec")
	if err := spec.Write(s.Out); err != nil {
		return err
	}
	found := slices.Clone(v.Findings)
	if p != nil {
		found = append(found, p.Findings...)
	}
	s.Findings(slices.CompactFunc(sorted(found), func(a, b finding.Finding) bool { return a.Code == b.Code && a.What == b.What }))
	return nil
}

func sorted(l finding.List) finding.List {
	l.Sort()
	return l
}

// seen adds what was seen of a VM's power.
func seen(s *session.Session, f *output.Fields, p *vm.PowerStatus) {
	now := s.Now()
	f.Add("since", output.Moment(now, p.Since))
	f.Add("reason", p.Reason)
	f.Add("seen", output.Moment(now, p.Seen))
	if t := p.Problem; t != nil {
		f.Add("problem", t.What+" "+t.Code)
		f.Add("try", t.Hint)
		if t.Retry {
			f.Add("tries", fmt.Sprintf("%d, and again by itself", t.Tries))
		}
	}
	if q := p.Process; q != nil {
		f.Add("process", strings.TrimSuffix(fmt.Sprintf("pid %d, uid %d, QEMU %s", q.PID, q.UID, q.QEMU), ", QEMU "))
	}
	f.Add("accelerator", string(p.Accelerator))
	savedVM(s, f, p)
	if p.Pinned != nil {
		f.Add("machine type", p.Pinned.MachineType+", pinned")
	}
	if e := p.Ended; e != nil {
		f.Add("last run", string(e.How)+", "+output.Moment(now, e.At))
		f.Add("last words", e.Detail)
	}
	pending := "pending restart"
	if p.State == vm.StateSuspended {
		pending = "pending resume and restart"
	}
	for _, path := range p.Pending {
		f.Add(pending, strings.TrimSuffix(path+": "+p.PendingWhy[path], ": "))
	}
	if r := p.Restart; r != nil {
		what := fmt.Sprintf("%d in a row by itself, after %s", r.Count, r.After)
		if now.Before(r.Next) {
			what += "; next " + output.Moment(now, r.Next)
		}
		f.Add("restarts", what)
	}
	if r := p.Resets; r != nil {
		f.Add("resets", fmt.Sprintf("%d by the guest, %d by hv, %d by its watchdog; last %s (%s)", r.Guest, r.Host, r.Watchdog, output.Moment(now, r.Last), r.Reason))
	}
}

// savedVM adds what is saved of a VM, or why nothing is.
func savedVM(s *session.Session, f *output.Fields, p *vm.PowerStatus) {
	if n := p.NotSaved; n != nil {
		f.Add("not suspended", n.Why)
	}
	v := p.Saved
	if v == nil {
		return
	}
	if v.Phase != vm.IsSaved {
		f.Add("saved state", string(v.Phase)+", "+output.Moment(s.Now(), v.At))
		return
	}
	what := fmt.Sprintf("%s, %s", v.Bytes, output.Moment(s.Now(), v.At))
	if v.Process.QEMU != "" {
		what += ", by QEMU " + v.Process.QEMU
	}
	f.Add("saved state", what)
	f.Add("saved in", v.File)
	f.Add("saved generation", fmt.Sprint(v.Generation))
}

// wished adds what is known of the object itself.
func wished(s *session.Session, f *output.Fields, v wire.VM) {
	m := v.Metadata
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		labels = append(labels, k+"="+m.Labels[k])
	}
	f.Add("project", m.Project)
	f.Add("labels", strings.Join(labels, " "))
	f.Add("origin", string(m.Origin))
	f.Add("created", output.Moment(s.Now(), m.Created))
	generation := fmt.Sprint(m.Generation)
	if p := v.Status.Power; p != nil && p.ObservedGeneration < m.Generation {
		generation += fmt.Sprintf(", reached %d", p.ObservedGeneration)
	}
	f.Add("generation", generation)
	if m.Deleted != nil {
		f.Add("being deleted", output.Moment(s.Now(), *m.Deleted))
	}
	f.Add("uid", m.UID)
}
