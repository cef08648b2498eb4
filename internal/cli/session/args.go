package session

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/model"
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
		return s.some(cmd, noun, len(args))
	}
}

// some wants one way of choosing.
func (s *Session) some(cmd *cobra.Command, noun string, names int) error {
	how, ways := "-l", 0
	if cmd.Flags().Lookup("all") != nil {
		how = "-l or --all"
	}
	for _, way := range []bool{names > 0, s.Selector != "", s.All} {
		if way {
			ways++
		}
	}
	switch {
	case ways == 0:
		return misused(cmd, "name a %s, or choose with %s", noun, how)
	case ways > 1:
		return misused(cmd, "name %ss, or choose with %s: not both", noun, how)
	}
	if _, err := model.ParseSelector(s.Selector); err != nil {
		return report.Usage("-l 'tier=web,env!=test,zone in (a,b)'", "-l: %v", err)
	}
	return nil
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
