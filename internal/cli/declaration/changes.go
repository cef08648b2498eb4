package declaration

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// tellChanges says what differs: options of the host one a line, and below each VM its fields, old → new.
func tellChanges(to screen.Screen, all []wire.Change) {
	told, about := 0, ""
	for i, c := range all {
		if told >= maxLines {
			fmt.Fprintf(to, "… and %d changes more (--dry-run -o json has all)\n", len(all)-i)
			return
		}
		lines := changeLines(c)
		if vm, field := ofVM(c.Path); vm != "" {
			if vm != about {
				told += line(to, head(c.Kind, field), vm)
			}
			about = vm
			for i := range lines {
				lines[i].text = "    " + lines[i].text
			}
		}
		for _, l := range lines {
			told += line(to, l.kind, l.text)
		}
	}
}

// changed is one line of a change.
type changed struct{ kind, text string }

// head is how the line of a VM's name begins, of which a field changes, or with no field the VM itself.
func head(kind, field string) string {
	if field == "" {
		return kind
	}
	return "changed"
}

// line prints one: + what comes, - what goes, ~ what becomes another.
func line(to screen.Screen, kind, text string) int {
	sign, paint := "~", screen.Yellow
	switch kind {
	case "added":
		sign, paint = "+", screen.Green
	case "removed":
		sign, paint = "-", screen.Red
	}
	fmt.Fprintln(to, to.Paint(paint, sign+" "+screen.Safe(text)))
	return 1
}

// ofVM is the VM that a path is about, as "vm web", and the field in it; empty for what is none.
func ofVM(path string) (vm, field string) {
	const vms = "hypervisor.vms."
	rest, ok := strings.CutPrefix(path, vms)
	if !ok {
		return "", ""
	}
	name, field := firstKey(rest)
	return "vm " + name, field
}

// firstKey parts a path after its first key, which may be in quotes.
func firstKey(path string) (key, rest string) {
	from := 0
	if strings.HasPrefix(path, `"`) {
		from = strings.IndexByte(path[1:], '"') + 1
	}
	i := strings.IndexByte(path[from:], '.')
	if i < 0 {
		return path, ""
	}
	return path[:from+i], path[from+i+1:]
}

// changeLines are the lines of a change, one a plain value. What goes with its VM is not told again: it is kept there.
func changeLines(c wire.Change) []changed {
	vm, field := ofVM(c.Path)
	name := c.Path
	if vm != "" {
		name = field
	}
	var out []changed
	value := c.New
	switch {
	case c.Kind == "removed" && vm != "" && field == "":
		return nil
	case c.Kind == "removed":
		value = c.Old
	}
	if c.Kind != "added" && c.Kind != "removed" {
		return []changed{{c.Kind, name + ": " + plain(c.Path, c.Old) + " → " + plain(c.Path, c.New)}}
	}
	for _, v := range config.Values(c.Path, value) {
		at := join(name, v.Path)
		if vm != "" && at == "name" {
			continue // it is told above
		}
		is := " = "
		if v.Path == "" && config.IsList(c.Path) {
			is = " has "
		}
		out = append(out, changed{c.Kind, at + is + cut(v.Text)})
	}
	return out
}

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}

// plain is a value in a line.
func plain(path string, v any) string {
	var parts []string
	for _, p := range config.Values(path, v) {
		parts = append(parts, join(p.Path, "")+sep(p.Path)+p.Text)
	}
	return cut(strings.Join(parts, ", "))
}

func sep(path string) string {
	if path == "" {
		return ""
	}
	return " = "
}

// maxValue is the most of a value that a line of a change shows, in characters.
const maxValue = 100

func cut(text string) string { return screen.Cut(text, maxValue) }
