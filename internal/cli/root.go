package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/declaration"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/features"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/guests"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/history"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/hosts"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/images"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/keys"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/machines"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/phases"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/pools"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/snapshots"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/stores"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/topics"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/volumes"
	"github.com/hyper-nixos/hyper-nixos/internal/nearest"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
)

// Root returns the tree of commands.
func Root(s *session.Session) *cobra.Command {
	root := &cobra.Command{
		Use:     "hv",
		Version: version.String(),
		Short:   "Declare a host's features and risk, run its VMs",
		Long: `Declares what a host offers and how much risk that may be, and runs its VMs.

hv speaks to the daemon of this host, or to the one that HV_HOST names. What is asked of a declaration before it
is applied (hv config check) needs no daemon.`,
		Example:           "  hv config check examples/home-lab.nix\n  hv vm create -f examples/first-vm.nix\n  hv vm start first",
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: prepare(s),
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(misused)
	root.SetHelpTemplate(helpTemplate)
	root.SetVersionTemplate("hv {{.Version}}\n")
	root.Flags().Bool("version", false, "print hv's version and exit")
	root.SetUsageTemplate(usageTemplate)
	s.Bind(root)
	root.AddCommand(
		machines.Command(s), snapshots.Command(s), volumes.Command(s, keys.Keyslots(s)), volumes.BootFiles(s), images.Command(s), images.Run(s), images.Dev(s), images.InstanceTypes(s), pools.Command(s), pools.Storage(s), pools.Shares(s), keys.Command(s), declaration.Command(s), features.Command(s), hosts.Command(s), phases.Command(s),
		history.Operations(s), history.Events(s), history.Audit(s), stores.Command(s), hosts.Version(s), hosts.Proxy(s), completion(s), guests.Shell(s),
	)
	root.AddCommand(topics.Commands()...)
	root.SetHelpCommand(help())
	group(root)
	return root
}

// group lets every command that only holds others say so: help without a verb, an error for one that
// does not exist.
func group(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		group(sub)
	}
	if !cmd.HasSubCommands() || cmd.RunE != nil || cmd.Run != nil {
		return
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return unknown(cmd, args[0])
	}
}

func unknown(cmd *cobra.Command, word string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(append(names, sub.Name()), sub.Aliases...)
		}
	}
	hint := cmd.CommandPath() + " --help"
	if near := nearest.Names(word, names, 2); len(near) > 0 {
		hint = cmd.CommandPath() + " " + strings.Join(near, ", or "+cmd.CommandPath()+" ")
	}
	return report.Usage(hint, "%s has no command %q", cmd.CommandPath(), word)
}

// help is cobra's, but for what cobra's does not: it offers the topics beside the commands, and a word that is neither
// is an error.
func help() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND | TOPIC]",
		Short:   "Help about any command or topic",
		Long:    "Shows the help of a command, or a page on a topic.",
		Example: "  hv help vm create\n  hv help risk",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			about, rest := explained(cmd.Root(), args)
			if len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, sub := range about.Commands() {
				if helpful(sub) && strings.HasPrefix(sub.Name(), start) {
					out = append(out, sub.Name()+"\t"+sub.Short)
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest := explained(cmd.Root(), args)
			if len(rest) == 0 {
				about.InitDefaultHelpFlag()
				return about.Help()
			}
			var names []string
			for _, sub := range about.Commands() {
				if helpful(sub) {
					names = append(names, sub.Name())
				}
			}
			path := "hv help" + strings.TrimPrefix(about.CommandPath(), "hv")
			hint := about.CommandPath() + " --help"
			if near := nearest.Names(rest[0], names, 3); len(near) > 0 {
				hint = path + " " + strings.Join(near, ", or "+path+" ")
			}
			return report.Usage(hint, "there is no help on %q", strings.Join(args, " "))
		},
	}
}

// explained is the command or topic that words name, and the words that name nothing.
func explained(about *cobra.Command, words []string) (*cobra.Command, []string) {
	for i, word := range words {
		at := slices.IndexFunc(about.Commands(), func(c *cobra.Command) bool { return c.Name() == word || c.HasAlias(word) })
		if at < 0 {
			return about, words[i:]
		}
		about = about.Commands()[at]
	}
	return about, nil
}

// helpful reports whether there is help on cmd: a command, or a topic.
func helpful(cmd *cobra.Command) bool {
	return cmd.IsAvailableCommand() || cmd.IsAdditionalHelpTopicCommand()
}

const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{if .HasExample}}Examples:
{{.Example}}

{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}`

const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name 12}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasHelpSubCommands}}

Topics (hv help TOPIC):{{range .Commands}}{{if .IsAdditionalHelpTopicCommand}}
  {{rpad .Name 12}} {{.Short}}{{end}}{{end}}{{end}}
`

// completion prints the scripts that make shells complete hv.
func completion(s *session.Session) *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the script that completes hv in a shell",
		Long: `Prints the script that completes hv in a shell: commands, flags and their values, and the names of what the
host has.

For bash: source it in ~/.bashrc. For zsh: put it as _hv into a folder of $fpath. For fish: into
~/.config/fish/completions/hv.fish.`,
		Example:   "  source <(hv completion bash)",
		Args:      session.Exactly("bash, zsh or fish"),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				if err := root.GenBashCompletionV2(s.Out, true); err != nil {
					return err
				}
				// bash takes @ for the end of a word, as in user@host: @3 would be completed to @@3
				_, err := fmt.Fprint(s.Out, "\nCOMP_WORDBREAKS=${COMP_WORDBREAKS//@/}\n")
				return err
			case "zsh":
				return root.GenZshCompletion(s.Out)
			case "fish":
				return root.GenFishCompletion(s.Out, true)
			}
			return report.Usage(fmt.Sprintf("hv completion %s", strings.Join(shells, " | ")), "there is no completion for %q", args[0])
		},
	}
}
