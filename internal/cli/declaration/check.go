package declaration

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func check(s *session.Session) *cobra.Command {
	var on string
	var strict bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what a declaration comes to, before anything happens",
		Long: `Says what a declaration comes to, before anything happens: which features are on and why, what is left out,
waiting or unavailable, how much risk it adds up to, and everything that refuses or limits it or its VMs.

It needs no daemon. Without --host what depends on a host is not asked: the CPUs, the memory, KVM. --host self
asks the host that hv runs on; --host FACTS.json takes what hv host check -o json printed elsewhere.

Exit: 0 it fits, 1 something refuses it (with --strict: or limits it, or is unavailable or waiting), 2 the file
cannot be read.`,
		Example:           "  hv config check examples/home-lab.nix\n  hv config check examples/home-lab.nix --host self",
		Args:              session.Exactly("FILE"),
		ValidArgsFunction: session.Files("nix", "json", "yaml", "yml"),
		RunE: func(cmd *cobra.Command, args []string) error {
			facts, err := Facts(cmd.Context(), s, on)
			if err != nil {
				return err
			}
			d, err := read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			r := config.Check(d, facts)
			if err := printReport(s, args[0], on, d, r); err != nil {
				return err
			}
			return report.Told(verdict(r.Findings, strict))
		},
	}
	cmd.Flags().StringVar(&on, "host", "", "hold it against a host: self, or a file of facts")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 1 also for what is limited, waiting or unavailable")
	CompleteHost(cmd)
	return cmd
}

func readBounded(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if text, err = io.ReadAll(io.LimitReader(f, maxInput+1)); err == nil && len(text) > maxInput {
		err = fault.New(fault.Unreadable, "it has more than %d bytes", maxInput)
	}
	return text, err
}

func verdict(l finding.List, strict bool) report.Code {
	if l.Refuses() {
		return report.Refused
	}
	for _, f := range l {
		if strict && f.Severity.Rank() <= finding.Limited.Rank() {
			return report.Refused
		}
	}
	return report.Done
}

// checked is what check prints for programs.
type checked struct {
	File string `json:"file"`
	Host string `json:"host,omitempty"` // absent: held against none
	config.Report
	Refused bool `json:"refused"`
}

func printReport(s *session.Session, file, on string, d config.Declaration, r config.Report) error {
	if s.Output.ForPrograms() {
		if r.Findings == nil {
			r.Findings = finding.List{}
		}
		return s.Output.Value(s.Out, checked{file, on, r, r.Refused()})
	}
	fmt.Fprintf(s.Out, "%s: profile %s, risk tolerance %s", file, r.Resolution.Profile, r.Resolution.RiskTolerance)
	if names := d.Names(); len(names) > 0 {
		fmt.Fprintf(s.Out, ", VMs %s", screen.Cut(strings.Join(names, ", "), maxValue))
	}
	fmt.Fprint(s.Out, "\n\n")
	if err := resolution(s, r.Resolution); err != nil {
		return err
	}
	if len(r.Findings) > 0 {
		fmt.Fprintln(s.Out)
		Locate(r.Findings, d.Sources)
		report.Findings(s.Out, r.Findings)
	}
	if on == "" {
		s.Notice("held against no host: what needs one was not asked (--host self)")
	}
	return nil
}
