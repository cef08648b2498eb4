package specification

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

var update = flag.Bool("update", false, "write docs/specification.md anew")

const root = "../.."

func statements(t *testing.T) []Statement {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "internal", "feature", "matrix", "testdata", "specification.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := Read(string(data))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryStatementOfTheSpecificationHasItsClaim(t *testing.T) {
	all := statements(t)
	if len(all) != 226 {
		t.Errorf("%d statements, want 222 and four configurations", len(all))
	}
	used := map[int]bool{}
	for _, s := range all {
		_, i := Of(s)
		if i < 0 {
			t.Errorf("nothing is claimed of %s (%s)", s.ID, s.Says)
		}
		used[i] = true
	}
	for i, c := range Claims() {
		if !used[i] {
			t.Errorf("the claim for %q (%s) is of no statement, or others come before it", c.IDs, c.Mark)
		}
	}
}

func TestAClaimSaysWhatItsStateOwes(t *testing.T) {
	for _, c := range Claims() {
		shown, lacks, with := len(c.Tests) > 0, c.Lacks != "", c.With != ""
		ok := map[State]bool{
			Proven:  shown && !lacks && !with, // tests, and nothing that lacks
			Partial: shown && lacks && with,   // tests, what lacks and what brings it
			NotYet:  !shown && with,           // what brings it
		}[c.State]
		if !ok {
			t.Errorf("%s is %s: tests %v, lacks %q, with %q", c.IDs, c.State, c.Tests, c.Lacks, c.With)
		}
	}
}

// folders reads each folder once.
type folders map[string]*Folder

func (f folders) of(t *testing.T, test string) (*Folder, string) {
	t.Helper()
	folder, name, ok := strings.Cut(test, ":")
	if !ok {
		t.Fatalf("%q names no folder", test)
	}
	if f[folder] == nil {
		read, err := ReadFolder(os.DirFS(root), folder)
		if err != nil {
			t.Fatal(err)
		}
		f[folder] = read
	}
	return f[folder], name
}

func TestEveryTestThatAClaimNamesExistsAndWhatIsProvenIsNotSkipped(t *testing.T) {
	read := folders{}
	for _, c := range Claims() {
		for _, test := range c.Tests {
			f, name := read.of(t, test)
			if f.File(name) == "" || !strings.HasPrefix(name, "Test") {
				t.Errorf("%s: there is no test %s", c.IDs, test)
			}
			if by, skipped := f.Skipped(name); skipped && c.State == Proven {
				t.Errorf("%s is said to be proven, and %s may be skipped by %s", c.IDs, test, by)
			}
		}
	}
}

// A feature whose hands do not exist does not work, whatever resolves: that it works, alone or beside another, is
// not proven. That something is refused can be.
func TestNothingIsProvenToWorkThatIsNotInTheBuild(t *testing.T) {
	cat := catalogue.Default()
	for _, s := range statements(t) {
		c, _ := Of(s)
		if c.State != Proven || s.Mark == catalogue.Nothing.Symbol() || strings.HasPrefix(s.ID, "set/") {
			continue
		}
		for _, id := range spokenOf(cat, s) {
			if !cat.InBuild(id) {
				t.Errorf("%s is said to be proven, and %s is not in this build", s.ID, id)
			}
		}
	}
}

// spokenOf is the features that a statement says something of.
func spokenOf(cat *catalogue.Catalogue, s Statement) []catalogue.ID {
	var out []catalogue.ID
	named := func(names ...string) {
		for _, row := range slices.Concat(cat.Matrix(), cat.Loads()) {
			if slices.Contains(names, row.Name) {
				out = append(out, row.ID)
			}
		}
	}
	switch part, _, _ := strings.Cut(s.ID, "/"); part {
	case "pair":
		named(s.Row, s.Col)
	case "impact":
		named(s.Row)
	case "tree":
		for _, tree := range cat.Trees() {
			if tree.Name == s.Where && !strings.HasPrefix(s.Says, "Conflicts") {
				out = append(out, branches(tree.Root, s.Says)...)
			}
		}
	case "config":
		for _, c := range cat.Configurations() {
			if c.Name == s.Where {
				out = append(out, c.Enabled...)
			}
		}
	case "os", "hypervisor", "storage":
		table, _ := cat.Table(catalogue.TableName(s.Where))
		for _, r := range table.Rows {
			if r.Name == s.Row && r.Feature != "" {
				out = append(out, r.Feature)
			}
		}
	}
	return out
}

// branches is the features of a branch that reads like text, and of what it hangs on.
func branches(parent catalogue.Branch, text string) []catalogue.ID {
	var out []catalogue.ID
	for _, b := range parent.Branches {
		if strings.HasPrefix(text, b.Text) || strings.HasPrefix(text, string(b.Verb)+": "+b.Text) {
			out = append(out, parent.Feature)
			if b.Feature != "" {
				out = append(out, b.Feature)
			}
		}
		out = append(out, branches(b, text)...)
	}
	return out
}

// How tests of a folder are run, first match.
var hows = []struct{ folder, how string }{
	{"test/e2e/", "real QEMU, as root"},
	{"test/lab/", "in the lab: KVM, systemd"},
	{"packaging/", "in the lab: the package"},
	{"test/isolation/", "real QEMU's place, as root"},
	{"test/guest/", "real QEMU"},
	{"internal/cli/", "the program, a fake daemon"},
	{"", "the room alone"},
}

func how(file string) string {
	return hows[slices.IndexFunc(hows, func(h struct{ folder, how string }) bool { return strings.HasPrefix(file, h.folder) })].how
}

func TestThePageOfTheSpecificationIsFresh(t *testing.T) {
	read := folders{}
	want := Page(statements(t), func(test string) string {
		f, name := read.of(t, test)
		return f.File(name)
	}, how)
	path := filepath.Join(root, "docs", "specification.md")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("docs/specification.md is not what is claimed: go test ./test/specification -update (%v)", err)
	}
}

func TestASkipIsFoundHoweverFarDown(t *testing.T) {
	tree := fstest.MapFS{
		"a/plain_test.go": {Data: []byte("package a\nfunc TestRuns(t *T) { check(t) }\nfunc check(t *T) {}\n" +
			"func TestSkips(t *T) { need(t) }\nfunc need(t *T) { deeper(t) }\nfunc deeper(t *T) { t.Skipf(\"no\") }\n" +
			"func TestRound(t *T) { round(t) }\nfunc round(t *T) { round(t) }\n")},
		"b/e2e_test.go": {Data: []byte("//go:build e2e\n\npackage b\nfunc TestHost(t *T) { host(t) }\nfunc host(t *T) { t.Skip(\"root\") }\n" +
			"func TestOwn(t *T) { t.SkipNow() }\n")},
		"c/broken_test.go": {Data: []byte("package")},
	}
	for test, want := range map[string]string{"a:TestRuns": "", "a:TestSkips": "deeper", "a:TestRound": "", "b:TestHost": "", "b:TestOwn": "TestOwn"} {
		folder, name, _ := strings.Cut(test, ":")
		f, err := ReadFolder(tree, folder)
		if err != nil {
			t.Fatal(err)
		}
		if by, skipped := f.Skipped(name); by != want || skipped != (want != "") || f.File(name) == "" {
			t.Errorf("%s is skipped by %q, want %q", test, by, want)
		}
	}
	if f, _ := ReadFolder(tree, "a"); f.File("TestNone") != "" {
		t.Error("a test that does not exist has a file")
	}
	if _, err := ReadFolder(tree, "c"); err == nil {
		t.Error("a file that cannot be parsed was read")
	}
}

func TestWhatIsNoStatementIsNotRead(t *testing.T) {
	for _, text := range []string{"cell\tpair/a/b\n", "config\tconfig/x\tX\t{\n"} {
		if _, err := Read(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
