package hypernixos_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"testing"
)

// floor is a height and its rooms, separated by spaces.
type floor struct {
	height int
	rooms  string
}

// door locks rooms for all but the guests.
type door struct{ rooms, guests, reason string }

// diet names the most of our rooms that a room may import.
type diet struct{ room, may, reason string }

// program names what a command must not link, as prefixes of import paths.
type program struct{ room, without, reason string }

// plan is everything that holds for the house.
type plan struct {
	floors   []floor
	doors    []door
	diets    []diet
	pure     string
	rows     string
	exempt   string
	testOnly []string
}

func thePlan() plan {
	return plan{floors: floors, doors: doors, diets: diets, pure: pure, rows: rows, exempt: exempt, testOnly: testOnly}
}

// source is one parsed file. Build tags are not looked at: a rule holds on every system.
type source struct {
	name    string // slash path from the module's root
	room    string // the folder
	test    bool
	lines   int
	file    *ast.File
	fileSet *token.FileSet
}

// at names a place as file:line.
func (s source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.name, s.fileSet.Position(pos).Line)
}

// readModule parses every Go file of the module; folders that are modules of their own are left out.
func readModule(tree fs.FS) ([]source, error) {
	var all []source
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(tree, name)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{
			name: name, room: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
			lines: bytes.Count(text, []byte("\n")), file: file, fileSet: set,
		})
		return nil
	})
	return all, err
}

func skipFolder(tree fs.FS, name string) error {
	base := path.Base(name)
	if name == "." {
		return nil
	}
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// check returns every violation, in the order of the files.
func (p plan) check(files []source) []string {
	var found []string
	for _, f := range files {
		if f.room == "." || within(f.room, p.exempt) != "" {
			continue
		}
		found = append(found, p.checkName(f)...)
		for _, spec := range f.file.Imports {
			if why := p.checkImport(f, importPath(spec)); why != "" {
				found = append(found, f.at(spec.Pos())+": "+why)
			}
		}
		if !f.test && within(f.room, p.pure) != "" {
			found = append(found, impurities(f)...)
		}
	}
	return found
}

func (p plan) checkName(f source) []string {
	var found []string
	switch base := path.Base(f.room); base {
	case "util", "utils", "common", "helpers", "misc", "types", "constants", "manager", "managers", "shared", "base", "lib":
		found = append(found, fmt.Sprintf("%s: a package named %q: a dumping ground always fills; name the thing it knows", f.name, base))
	}
	if p.height(f.room) < 0 {
		found = append(found, fmt.Sprintf("%s: folder %s stands on no floor: say in layers_test.go where it belongs", f.name, f.room))
	}
	if !f.test && strings.HasPrefix(f.room, "cmd/") && f.lines >= commandLines {
		found = append(found, fmt.Sprintf("%s: %d lines: a command is flags and wiring, under %d; move the rest to its room", f.name, f.lines, commandLines))
	}
	return found
}

// checkImport says why f may not import the path, or nothing.
//
// Test files keep the floors, but not the doors and diets: a test may wire by hand what daemon wires, and
// may use what is for tests only.
func (p plan) checkImport(f source, imported string) string {
	room, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		if imported == module {
			return "imports the module's root, which holds tests only"
		}
		return ""
	}
	for _, t := range p.testOnly {
		if within(room, t) == "" {
			continue
		}
		if f.test || within(f.room, t) != "" {
			return ""
		}
		return fmt.Sprintf("%s imports %s, which is for tests only: what ships does not link it", f.room, room)
	}
	if why := p.checkFloor(f.room, room); why != "" {
		return why
	}
	if f.test || p.family(f.room, room) {
		return ""
	}
	return p.checkDoors(f.room, room)
}

func (p plan) checkFloor(from, to string) string {
	mine, its := p.height(from), p.height(to)
	switch {
	case its < 0:
		return fmt.Sprintf("%s imports %s, which stands on no floor: say in layers_test.go where it belongs", from, to)
	case mine < 0 || its < mine:
		return ""
	case its == mine && p.family(from, to):
		return ""
	case its == mine:
		return fmt.Sprintf("%s imports %s on the same floor (%d): sideways nobody calls; declare the interface you need, or move what both need down", from, to, mine)
	}
	return fmt.Sprintf("%s (floor %d) imports %s (floor %d): commands go down by calls, facts come up by data; a room imports only from lower floors", from, mine, to, its)
}

func (p plan) checkDoors(from, to string) string {
	for _, d := range p.doors {
		if within(to, d.rooms) != "" && p.sameRoom(to, d.rooms) && within(from, d.guests) == "" {
			return fmt.Sprintf("%s imports %s, open to %s only: %s", from, to, d.guests, d.reason)
		}
	}
	for _, d := range p.diets {
		if within(from, d.room) != "" && within(to, d.may) == "" && !p.family(d.room, to) {
			return fmt.Sprintf("%s imports %s; %s may import only %s: %s", from, to, d.room, d.may, d.reason)
		}
	}
	return ""
}

// sameRoom is false where the folder belongs to a longer entry of another floor: a door of internal/qemu
// does not lock internal/qemu/qmp, which stands lower.
func (p plan) sameRoom(folder, rooms string) bool {
	return p.entry(folder) == within(folder, rooms)
}

// height is the floor of a folder, -1 where it stands on none.
func (p plan) height(folder string) int {
	entry := p.entry(folder)
	for _, f := range p.floors {
		for room := range strings.FieldsSeq(f.rooms) {
			if room == entry {
				return f.height
			}
		}
	}
	return -1
}

// entry is the longest entry of the floors that holds the folder.
func (p plan) entry(folder string) string {
	longest := ""
	for _, f := range p.floors {
		if room := within(folder, f.rooms); len(room) > len(longest) {
			longest = room
		}
	}
	return longest
}

// within returns the longest of the rooms that is the folder or a parent of it, or nothing.
func within(folder, rooms string) string {
	longest := ""
	for room := range strings.FieldsSeq(rooms) {
		if (folder == room || strings.HasPrefix(folder, room+"/")) && len(room) > len(longest) {
			longest = room
		}
	}
	return longest
}

// family: a folder and its own subfolders, and these among themselves. The houses of a row are neighbours.
func (p plan) family(a, b string) bool {
	if within(a, b) != "" || within(b, a) != "" {
		return true
	}
	room := p.entry(a)
	return room != "" && room == p.entry(b) && within(room, p.rows) != room
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value // the parser has accepted it; a malformed one matches no room
	}
	return p
}

// check says which packages of the program's whole graph it must not link.
func (p program) check(linked []string) []string {
	var found []string
	for _, pkg := range linked {
		for prefix := range strings.FieldsSeq(p.without) {
			if pkg == prefix || strings.HasPrefix(pkg, strings.TrimSuffix(prefix, "/")+"/") {
				found = append(found, fmt.Sprintf("%s links %s: %s", p.room, pkg, p.reason))
			}
		}
	}
	return found
}

// linked asks the go command for everything a program is built from.
func linked(t *testing.T, room string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+room)
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -deps ./%s: %v", room, err)
	}
	return strings.Fields(string(out))
}
