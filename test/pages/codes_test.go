package pages

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
)

var update = flag.Bool("update", false, "write docs/codes.md anew")

const root = "../.."

func TestEveryCodeThatAUserMayMeetIsDocumentedAndNoOther(t *testing.T) {
	var documented []string
	for _, f := range Families {
		for _, c := range f.Codes {
			if !strings.HasPrefix(c.Code, "HV-"+f.Name+"-") || c.Means == "" || c.Helps == "" {
				t.Errorf("%s in family %s: not complete, or not of this family", c.Code, f.Name)
			}
			documented = append(documented, c.Code)
		}
		if !slices.IsSortedFunc(f.Codes, func(a, b Code) int { return strings.Compare(a.Code, b.Code) }) {
			t.Errorf("the codes of family %s are not in order", f.Name)
		}
	}
	for _, c := range feature.Codes() {
		documented = append(documented, c.Code)
	}
	slices.Sort(documented)
	if d := gocmp.Diff(inSources(t), documented); d != "" {
		t.Errorf("in the sources (-), and documented in test/pages or feature.Codes (+):\n%s", d)
	}
}

func TestThePageOfCodesIsFresh(t *testing.T) {
	path := filepath.Join(root, "docs", "codes.md")
	want := page()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/codes.md is not what the codes come to: go test ./test/pages -update")
	}
}

// literal is a code as it stands in a source.
var literal = regexp.MustCompile(`"(HV-[A-Z]+-[0-9]{3})"`)

// inSources are the codes in the product's own sources, in order.
func inSources(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, path := range sources(t, ".go") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllSubmatch(text, -1) {
			found[string(m[1])] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// sources are the product's own files that end so, without tests.
func sources(t *testing.T, endings ...string) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"client", "cmd", "internal", "model", "wire"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && slices.Contains(endings, filepath.Ext(path)) && !strings.HasSuffix(path, "_test.go") {
				all = append(all, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// family is the table of a family. Where some of its codes are those of findings about a declaration, it has a column more.
func family(b *strings.Builder, codes []Code) {
	edits := config.Edits()
	if !slices.ContainsFunc(codes, func(c Code) bool { return edits[c.Code] != "" }) {
		b.WriteString("\n| Code | Means | What helps |\n|---|---|---|\n")
		for _, c := range codes {
			fmt.Fprintf(b, "| %s | %s | %s |\n", c.Code, c.Means, c.Helps)
		}
		return
	}
	b.WriteString("\nThe last column is of findings about a declaration: whether an edit of it alone takes them away, and stands in their `ways`.\n")
	b.WriteString("\n| Code | Means | What helps | `ways` |\n|---|---|---|---|\n")
	for _, c := range codes {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.Code, c.Means, c.Helps, cmp.Or(string(edits[c.Code]), "–"))
	}
}

func page() string {
	var b strings.Builder
	b.WriteString("# Codes\n\nMade from the sources by `go test ./test/pages -update`.\n\n")
	b.WriteString("A code stands at the right of an error or a finding, and as `code` in JSON. It never changes its meaning. What the parts of\n" +
		"a message are: [when-something-fails.md](when-something-fails.md).\n")
	for _, f := range Families {
		fmt.Fprintf(&b, "\n## HV-%s\n\n%s\n", f.Name, f.About)
		family(&b, f.Codes)
	}
	b.WriteString("\n## HV-FEAT\n\nWhat a declaration of features comes to. The finding itself says why, and which edit helps.\n\n| Code | Severity | Means | `ways` |\n|---|---|---|---|\n")
	for _, c := range feature.Codes() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.Code, c.Severity, c.Means, c.Edits)
	}
	return b.String()
}
