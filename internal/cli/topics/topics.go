// Package topics holds the pages of `hv help TOPIC`: what does not belong to one command.
//
// What lives here: the pages. What does not: the help of commands, which stands beside each.
package topics

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed *.txt
var pages embed.FS

// Commands returns one command a page, which has nothing but its help. The first line of a page is the
// short text that lists have.
func Commands() []*cobra.Command {
	names, err := fs.Glob(pages, "*.txt")
	if err != nil {
		panic("cli: " + err.Error()) // the pattern is ours
	}
	var all []*cobra.Command
	for _, file := range names {
		text, err := fs.ReadFile(pages, file)
		if err != nil {
			panic("cli: " + err.Error()) // what was embedded is there
		}
		short, _, _ := strings.Cut(string(text), "\n")
		all = append(all, &cobra.Command{Use: strings.TrimSuffix(path.Base(file), ".txt"), Short: short, Long: strings.TrimSpace(string(text))})
	}
	return all
}
