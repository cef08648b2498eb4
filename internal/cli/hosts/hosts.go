// Package hosts holds `hv host` and `hv version`: what a host is, and which
// programs run.
//
// What lives here: looking at the host. What does not: what is declared of it (declaration), what it offers (features).
package hosts

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Command returns `hv host`.
func Command(s *session.Session) *cobra.Command {
	look := func(cmd *cobra.Command, _ []string) error {
		c, err := s.Client()
		if err != nil {
			return err
		}
		h, err := c.Host(cmd.Context())
		switch {
		case err != nil:
			return err
		case s.Output.ForPrograms():
			return s.Output.Value(s.Out, h)
		case s.Output == output.Name:
			fmt.Fprintln(s.Out, h.Facts.Name)
			return nil
		}
		return printHost(s, h)
	}
	cmd := &cobra.Command{
		Use:   "host",
		Short: "Show the host: what it is, what it can do, what limits it",
		Long: `Shows the host: what it is, what it can do, what limits it.

-o json prints the facts that hv config check --host FACTS.json takes elsewhere.`,
		Example: "  hv host\n  hv host -o json > facts.json",
		Args:    session.Exactly(),
		RunE:    look,
	}
	cmd.AddCommand(check(s), stop(s), &cobra.Command{
		Use: "show", Short: "Show the host", Long: "Shows the host; the same as hv host.", Example: "  hv host show",
		Args: session.Exactly(), RunE: look,
	})
	return cmd
}

func printHost(s *session.Session, h wire.Host) error {
	f := h.Facts
	fmt.Fprintf(s.Out, "host %s: %d VMs, %d running\n", f.Name, h.VMs, h.Running)
	var out output.Fields
	out.Add("daemon", "hvd "+h.Version+", since "+output.Moment(s.Now(), h.Started))
	out.Add("phase", h.Phase)
	out.Add("system", strings.TrimSpace(f.OS+" "+f.Kernel+" on "+f.Arch))
	if f.CPU != nil {
		out.Add("CPU", f.CPU.Model)
	}
	if f.CPUs > 0 {
		out.Add("CPUs", fmt.Sprint(f.CPUs))
	}
	if f.Memory > 0 {
		out.Add("memory", f.Memory.String())
	}
	out.Add("KVM", verdict(f.KVM))
	if q := f.QEMU; q != nil {
		out.Add("QEMU", either(q.OK(), strings.TrimSpace(q.Version+" "+q.Path), q.Why))
	} else {
		out.Add("QEMU", notAsked)
	}
	for _, q := range f.Others {
		out.Add("QEMU "+q.Arch, either(q.OK(), strings.TrimSpace(q.Version+" "+q.Path), q.Why))
	}
	out.Add("passt", tool(f.Passt))
	out.Add("nginx", tool(f.Nginx))
	out.Add("nftables", tool(f.NFT))
	if c := f.Cgroup; c != nil {
		out.Add("cgroups", either(c.Enforced, c.Mode+", limits hold", c.Mode+", limits do not hold: "+c.Why))
	}
	out.Add("IOMMU", iommu(f.IOMMU))
	if k := h.Keeping; k != nil {
		out.Add("store", fmt.Sprintf("%s of at most %s, %s free on its disk", k.Store, k.Most, k.Free))
		if k.Snapshot != nil {
			out.Add("snapshot", output.Moment(s.Now(), *k.Snapshot))
		}
	}
	out.Add("landlock", verdict(f.Landlock))
	if err := out.Write(s.Out); err != nil {
		return err
	}
	s.Findings(h.Findings)
	return nil
}

const notAsked = "not asked"

func either(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return "no: " + no
}

func verdict(v *host.Verdict) string {
	if v == nil {
		return notAsked
	}
	return either(v.OK, "yes: "+v.Why, v.Why)
}

func tool(t *host.Tool) string {
	if t == nil {
		return notAsked
	}
	return either(t.OK(), strings.TrimSpace(t.Version+" "+t.Path), t.Why)
}

func iommu(u *host.IOMMU) string {
	if u == nil {
		return notAsked
	}
	return verdict(&host.Verdict{OK: u.OK, Why: strings.TrimPrefix(string(u.Kind)+", ", ", ") + u.Why})
}
