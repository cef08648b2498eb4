package session

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
)

// Exactly wants one argument for each of names, which is how the usage calls them.
func Exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return misused(cmd, "%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return misused(cmd, "%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// Some wants at least one name, or a selector instead.
func (s *Session) Some(noun string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && s.Selector == "":
			return misused(cmd, "name a %s, or choose with -l", noun)
		case len(args) > 0 && s.Selector != "":
			return misused(cmd, "name %ss, or choose with -l: not both", noun)
		}
		return nil
	}
}

func misused(cmd *cobra.Command, format string, args ...any) error {
	return report.Usage(strings.TrimSpace(cmd.UseLine())+", or "+cmd.CommandPath()+" --help", "%s: %s", cmd.CommandPath(), fmt.Sprintf(format, args...))
}

// Files completes the names of files that end in one of these.
func Files(extensions ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return extensions, cobra.ShellCompDirectiveFilterFileExt
	}
}

// FolderFlag completes a flag with the names of folders.
func FolderFlag(cmd *cobra.Command, flag string) {
	complete(cmd, flag, cobra.ShellCompDirectiveFilterDirs)
}

// FileFlag completes a flag with the names of files.
func FileFlag(cmd *cobra.Command, flag string) { complete(cmd, flag, cobra.ShellCompDirectiveDefault) }

func complete(cmd *cobra.Command, flag string, how cobra.ShellCompDirective) {
	names := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { return nil, how }
	if err := cmd.RegisterFlagCompletionFunc(flag, names); err != nil {
		panic("cli: " + err.Error()) // a flag that does not exist: every test that builds the commands sees it
	}
}
