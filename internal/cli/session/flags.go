package session

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Flags are those that mean the same everywhere. A command that has no use for one does not take it.
type Flags struct {
	Output   output.Format
	Color    screen.Color
	Project  string
	Timeout  time.Duration // 0: no limit
	Quiet    bool
	Verbose  bool
	Selector string
	All      bool
	DryRun   bool
	Yes      bool
	NoWait   bool
}

// Bind gives cmd and all below it the flags that every command takes.
func (s *Session) Bind(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVarP((*string)(&s.Output), "output", "o", string(output.Human), "how to print: "+strings.Join(output.Formats(), ", "))
	f.StringVar((*string)(&s.Color), "color", string(screen.Auto), "colour: auto, always, never (NO_COLOR is honoured)")
	f.StringVar(&s.Project, "project", model.DefaultProject, "the project of what is named")
	f.Var((*duration)(&s.Timeout), "timeout", "how long to wait, such as 90s, 15m; then exit 5, the work goes on")
	f.BoolVarP(&s.Quiet, "quiet", "q", false, "no progress, no notices")
	f.BoolVarP(&s.Verbose, "verbose", "v", false, "say more: request IDs with errors")
	if err := cmd.RegisterFlagCompletionFunc("output", func(of *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if some := of.Annotations[forms]; some != "" {
			return strings.Fields(some), cobra.ShellCompDirectiveNoFileComp
		}
		return output.Formats(), cobra.ShellCompDirectiveNoFileComp
	}); err != nil {
		panic("cli: " + err.Error())
	}
	Values(cmd, "color", string(screen.Auto), string(screen.Always), string(screen.Never))
	Values(cmd, "project", model.DefaultProject)
	Values(cmd, "timeout", "30s", "5m", "1h")
}

// Mutates gives cmd the flags of what changes something.
func (s *Session) Mutates(cmd *cobra.Command) {
	s.DryRuns(cmd)
	cmd.Flags().BoolVar(&s.NoWait, "no-wait", false, "do not wait for the operation, only say its ID")
}

// DryRuns gives cmd the flag --dry-run.
func (s *Session) DryRuns(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.DryRun, "dry-run", false, "print the plan and its findings, change nothing")
}

// Asks gives cmd the flag that answers its question.
func (s *Session) Asks(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.Yes, "yes", false, "do not ask")
}

// Selects gives cmd the flag that chooses by labels.
func (s *Session) Selects(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.Selector, "selector", "l", "", "choose by labels: tier=web,env!=test,zone in (a,b),beta,!old")
}

// SelectsAll is Selects for a command that may be given everything there is.
func (s *Session) SelectsAll(cmd *cobra.Command) {
	s.Selects(cmd)
	cmd.Flags().BoolVar(&s.All, "all", false, "all of the project")
}

// Check refuses values that the flags do not have. It is called once they are read.
func (s *Session) Check() error {
	if err := oneOf("output", string(s.Output), output.Formats()); err != nil {
		s.Output = output.Human
		return err
	}
	if err := oneOf("color", string(s.Color), []string{"auto", "always", "never"}); err != nil {
		return err
	}
	s.screens()
	if err := model.CheckName("project", s.Project); err != nil {
		return report.Usage("--project default", "%v", err)
	}
	return nil
}

func oneOf(flag, value string, all []string) error {
	if slices.Contains(all, value) {
		return nil
	}
	return report.Usage(fmt.Sprintf("--%s %s", flag, strings.Join(all, " | ")), "--%s %q: there is no such value", flag, value)
}

// forms is the annotation of a command that does not print in every form there is.
const forms = "forms"

// Forms says in which forms cmd prints: what -o completes to.
func Forms(cmd *cobra.Command, all ...string) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[forms] = strings.Join(all, " ")
}

// OneForm refuses a command that writes documents (--format) to be told twice how to write, and a form that it has not got.
func (s *Session) OneForm(cmd *cobra.Command) error {
	asked, format := cmd.Flags().Changed("output"), cmd.Flags().Lookup("format")
	switch {
	case !asked:
		return nil
	case format.Changed:
		return report.Usage("drop -o "+string(s.Output)+", or --format "+format.Value.String(),
			"-o %s and --format %s both say how it is written", s.Output, format.Value)
	case s.Output == output.Name || s.Output == output.Wide:
		return report.Usage("drop -o "+string(s.Output), "%s has no form -o %s", cmd.CommandPath(), s.Output)
	}
	return nil
}

// Values completes a flag with all the values that it takes.
func Values(cmd *cobra.Command, flag string, all ...string) {
	fixed := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return all, cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, fixed); err != nil {
		panic("cli: " + err.Error()) // a flag that does not exist: every test that builds the commands sees it
	}
}

// duration is a time.Duration that also reads days, and refuses negative ones.
type duration time.Duration

func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (*duration) Type() string { return "duration" }

func (d *duration) Set(text string) error {
	got, err := ParseDuration(text)
	*d = duration(got)
	return err
}

// ParseDuration reads "90s", "15m", "7d", and seconds without a unit.
func ParseDuration(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is no duration: write it like 90s, 15m or 7d", text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, wrong
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, wrong
	}
	return d, nil
}

// Duration reads the value of a flag that is a duration.
func Duration(flag, text string) (time.Duration, error) {
	d, err := ParseDuration(text)
	if err != nil {
		return 0, report.Usage("--"+flag+" 90s", "--%s: %v", flag, err)
	}
	return d, nil
}

// Labels reads labels as flags have them: KEY=VALUE each.
func Labels(all []string) (map[string]string, error) {
	var m map[string]string
	for _, text := range all {
		k, v, ok := strings.Cut(text, "=")
		if !ok || k == "" {
			return nil, report.Usage("--label tier=web", "--label %q: write it as KEY=VALUE", text)
		}
		if m == nil {
			m = map[string]string{}
		}
		m[k] = v
	}
	return m, nil
}
