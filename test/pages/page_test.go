package pages

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// document is a page for users.
type document struct {
	path string // from the root
	text string
}

func documents(t *testing.T) []document {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) < 6 {
		t.Fatal(paths, err)
	}
	var all []document
	for _, p := range append(paths, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, document{rel, string(text)})
	}
	return all
}

// block is a fenced piece of a page.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)\n```$")

func (d document) blocks() []block {
	var all []block
	for _, m := range fence.FindAllStringSubmatch(d.text, -1) {
		all = append(all, block{m[1], m[2]})
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unsaid  = regexp.MustCompile(`[^a-z0-9 -]`)
)

func TestEveryLinkOnAPageLeadsSomewhere(t *testing.T) {
	for _, d := range documents(t) {
		prose := fence.ReplaceAllString(d.text, "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			path := filepath.Join(root, filepath.Dir(d.path), file)
			if file == "" {
				path = filepath.Join(root, d.path)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %s: %v", d.path, m[1], err)
			} else if anchor != "" && !has(t, path, anchor) {
				t.Errorf("%s: %s: no such heading there", d.path, m[1])
			}
		}
	}
}

// has reports whether a page has the heading that an anchor names.
func has(t *testing.T, path, anchor string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
		if strings.ReplaceAll(unsaid.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-") == anchor {
			return true
		}
	}
	return false
}

var door = regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9-]+)")

func TestEveryDoorOnAPageIsInTheMakefile(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents(t) {
		for _, m := range door.FindAllStringSubmatch(d.text, -1) {
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s: there is no make %s", d.path, m[1])
			}
		}
	}
}
