package cli_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hyper-nixos/hyper-nixos/internal/cli"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

const docs = "../../docs/cli"

func tree() *cobra.Command {
	none := func(string) string { return "" }
	return cli.Root(session.New(session.World{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: none}))
}

// TestDocsAreFresh holds docs/cli to the help of the commands; -update writes it.
func TestDocsAreFresh(t *testing.T) {
	want := map[string]string{}
	each(tree(), func(cmd *cobra.Command) { want[pageName(cmd)] = page(cmd) })
	if *update {
		write(t, want)
	}
	files, err := filepath.Glob(filepath.Join(docs, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := want[filepath.Base(f)]; !ok {
			t.Errorf("%s belongs to no command: go test ./internal/cli -update", f)
		}
	}
	for name, text := range want {
		have, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil || string(have) != text {
			t.Errorf("docs/cli/%s is not fresh: go test ./internal/cli -update (%v)", name, err)
		}
	}
}

func write(t *testing.T, pages map[string]string) {
	t.Helper()
	if err := os.RemoveAll(docs); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(docs, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// each visits every command that a user may see, topics too.
func each(cmd *cobra.Command, visit func(*cobra.Command)) {
	if cmd.Hidden || cmd.Name() == "help" {
		return
	}
	visit(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, visit)
	}
}

func pageName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "_") + ".md"
}

func page(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- made from the help of hv by go test ./internal/cli -update -->\n# %s\n\n", cmd.CommandPath())
	if cmd.IsAdditionalHelpTopicCommand() {
		fmt.Fprintf(&b, "```text\n%s\n```\n", cmd.Long)
		return b.String()
	}
	fmt.Fprintf(&b, "%s\n\n```sh\n%s\n```\n\n", strings.TrimSpace(cmd.Long), outdent(cmd.Example))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "## Commands\n\n")
		for _, topics := range []bool{false, true} {
			for _, sub := range cmd.Commands() {
				if topic := sub.IsAdditionalHelpTopicCommand(); !sub.Hidden && sub.Name() != "help" && topic == topics {
					fmt.Fprintf(&b, "- [%s](%s): %s\n", sub.CommandPath(), pageName(sub), sub.Short)
				}
			}
		}
	} else {
		fmt.Fprintf(&b, "## Usage\n\n```text\n%s\n```\n", cmd.UseLine())
	}
	flags(&b, "Flags", cmd.LocalNonPersistentFlags())
	flags(&b, "Flags of every command", cmd.PersistentFlags())
	if cmd.HasParent() {
		fmt.Fprintf(&b, "\nSee also: [%s](%s)\n", cmd.Parent().CommandPath(), pageName(cmd.Parent()))
	}
	return b.String()
}

func outdent(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(s, "\n  ", "\n"))
}

func flags(b *strings.Builder, title string, f *pflag.FlagSet) {
	var lines []string
	f.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if f.Value.Type() != "bool" {
			name += " " + strings.ToUpper(f.Name[strings.LastIndexByte(f.Name, '-')+1:])
		}
		text := f.Usage
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0" && d != "-1" {
			text += " (default " + d + ")"
		}
		lines = append(lines, "- `"+name+"`: "+text)
	})
	if len(lines) > 0 {
		fmt.Fprintf(b, "\n## %s\n\n%s\n", title, strings.Join(lines, "\n"))
	}
}

// TestHelpIsWhole holds every command to what its help owes: a first line that says what it does, an
// example, and a completion for every flag that takes a value and every argument.
func TestHelpIsWhole(t *testing.T) {
	free := map[string]bool{ // text of the user's own
		"cmdline": true, "description": true, "label": true, "selector": true, "expr": true, "from": true, "to": true, "after": true,
	}
	each(tree(), func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s does not say what it does", cmd.CommandPath())
		}
		if cmd.IsAdditionalHelpTopicCommand() {
			return
		}
		if first, _, _ := strings.Cut(cmd.Example, "\n"); !strings.HasPrefix(strings.TrimSpace(strings.Replace(first, "sudo ", "", 1)), "hv ") && cmd.Name() != "completion" {
			t.Errorf("%s has no example: %q", cmd.CommandPath(), first)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			_, completed := cmd.GetFlagCompletionFunc(f.Name)
			_, files := f.Annotations[cobra.BashCompFilenameExt]
			if f.Value.Type() != "bool" && !completed && !files && !free[f.Name] {
				t.Errorf("%s --%s has no completion", cmd.CommandPath(), f.Name)
			}
		})
	})
}
