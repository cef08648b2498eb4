package pages

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/cli"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// command is a line of a page that one may type, from "hv" on.
type command struct {
	page  string
	words []string
}

func (c command) String() string { return c.page + ": " + strings.Join(c.words, " ") }

// called finds hv where it is called on a line, up to what the shell does with it and to a comment.
var called = regexp.MustCompile(`^(?:\$ )?(?:sudo )?(hv [^|>#]*)`)

func commands(t *testing.T) []command {
	t.Helper()
	var all []command
	for _, d := range documents(t) {
		for _, b := range d.blocks() {
			if b.language != "sh" {
				continue
			}
			for line := range strings.SplitSeq(strings.ReplaceAll(b.text, "\\\n", " "), "\n") {
				if m := called.FindStringSubmatch(line); m != nil {
					all = append(all, command{d.path, words(m[1])})
				}
			}
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d commands were found on the pages: is their form still the same?", len(all))
	}
	return all
}

// shellWord is one word of a shell's line: with quotes or without.
var shellWord = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`)

func words(line string) []string {
	var all []string
	for _, w := range shellWord.FindAllString(line, -1) {
		all = append(all, strings.NewReplacer("'", "", `"`, "").Replace(w))
	}
	return all
}

// world is one in which no daemon runs.
func world(out, errs io.Writer, root string) session.World {
	return session.World{In: strings.NewReader(""), Out: out, Err: errs, Env: func(string) string { return "" }, Now: time.Now, Root: root}
}

func TestEveryCommandOnAPageExistsWithItsFlags(t *testing.T) {
	for _, c := range commands(t) {
		tree := cli.Root(session.New(world(io.Discard, io.Discard, t.TempDir())))
		cmd, rest, err := tree.Find(cli.Arguments(c.words[1:]))
		if err != nil {
			t.Errorf("%s: %v", c, err)
			continue
		}
		if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			t.Errorf("%s: %s has no command %s", c, cmd.CommandPath(), rest[0])
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", c, err)
		} else if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	}
}

// file is the name of a file that a page shows: its first line says it.
var file = regexp.MustCompile(`^# ([a-z-]+\.(?:nix|yaml))\n`)

func TestWhatAPageSaysToTryWithoutADaemonCanBeTried(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	for _, d := range documents(t) {
		for _, b := range d.blocks() {
			if m := file.FindStringSubmatch(b.text); m != nil {
				if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(b.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	var facts, errs bytes.Buffer // which a page has a reader print on another host
	if code := cli.Run(context.Background(), []string{"host", "check", "--host", "self", "-o", "json"}, world(&facts, &errs, dir)); code != 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	if err := os.WriteFile(filepath.Join(dir, "facts.json"), facts.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	all := commands(t)
	t.Chdir(dir)
	tried := 0
	for _, c := range all {
		if len(c.words) < 3 || c.words[1] != "config" || c.words[2] != "check" && c.words[2] != "eval" {
			continue
		}
		tried++
		want := 0
		if strings.Contains(c.String(), "risky.nix") || strings.Contains(c.String(), "--strict") && c.words[2] == "check" {
			want = 1
		}
		var out, errs bytes.Buffer
		if got := cli.Run(context.Background(), c.words[1:], world(&out, &errs, dir)); got != want || out.Len() == 0 {
			t.Errorf("%s: exit %d, not %d\n%s%s", c, got, want, &out, &errs)
		}
	}
	if tried < 6 {
		t.Errorf("only %d commands were tried", tried)
	}
}

// advised is a command of two words in a text of the product's.
var advised = regexp.MustCompile(`\bhv ([a-z-]+) ([a-z-]+)`)

func TestNoHintNamesACommandThatDoesNotExist(t *testing.T) {
	tree := cli.Root(session.New(world(io.Discard, io.Discard, t.TempDir())))
	for _, path := range sources(t, ".go", ".txt") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range advised.FindAllStringSubmatch(string(text), -1) {
			noun, rest, err := tree.Find(m[1:2])
			if err != nil || len(rest) > 0 || !noun.HasSubCommands() || noun.Name() == "host" {
				continue // "hv speaks to the daemon" is prose, and hv host needs no verb
			}
			if verb, rest, err := tree.Find(m[1:3]); err != nil || len(rest) > 0 || verb == noun {
				t.Errorf("%s: %q: there is no such command", path, m[0])
			}
		}
	}
}
