package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

// Line is one line of the difference between two declarations, as Nix would say it.
type Line struct {
	Sign    byte   // '-' of the first, '+' of the second
	Section string // "hypervisor.vms.web": the part of a declaration that it stands in
	Text    string // `memory = "2GiB"`
}

// Lines is what differs between two declarations, value by value, in the order of their paths. Items of lists are
// told one by one: lists are sets.
func Lines(before, after Declaration) []Line {
	old, now := leaves(before), leaves(after)
	keys := map[string]bool{}
	for _, side := range []map[string]leaf{old, now} {
		for key := range side {
			keys[key] = true
		}
	}
	sorted := make([]string, 0, len(keys))
	for key := range keys {
		sorted = append(sorted, key)
	}
	slices.Sort(sorted)
	var out []Line
	for _, key := range sorted {
		a, had := old[key]
		b, has := now[key]
		if had && has && a.text == b.text {
			continue
		}
		if had {
			out = append(out, Line{'-', a.section, a.text})
		}
		if has {
			out = append(out, Line{'+', b.section, b.text})
		}
	}
	return out
}

// leaf is one value of a declaration.
type leaf struct{ section, text string }

// leaves are the values of a declaration, by the path at which they stand.
func leaves(d Declaration) map[string]leaf {
	f := leafReader{in: json.NewDecoder(bytes.NewReader(d.Value())), out: map[string]leaf{}}
	f.in.UseNumber()
	if err := f.value(nil); err != nil {
		panic(err) // what Value writes is JSON
	}
	return f.out
}

type leafReader struct {
	in  *json.Decoder
	out map[string]leaf
}

func (r *leafReader) value(path []string) error {
	t, err := r.in.Token()
	if err != nil {
		return err
	}
	open, group := t.(json.Delim)
	switch {
	case !group:
		r.add(path, "", leafText(t))
		return nil
	case !r.in.More():
		r.add(path, "", map[json.Delim]string{'{': "{ }", '[': "[ ]"}[open])
	}
	for r.in.More() {
		if open == '[' {
			item, err := r.in.Token() // lists hold plain values
			if err != nil {
				return err
			}
			text := leafText(item)
			r.add(path, text, text)
			continue
		}
		key, err := r.in.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if err := r.value(append(slices.Clip(path), name)); err != nil {
			return err
		}
	}
	_, err = r.in.Token()
	return err
}

// sectionDepth is how much of a path names its section: a VM's has its name in it.
func sectionDepth(path []string) int {
	if len(path) > 1 && path[1] == "vms" {
		return min(3, len(path))
	}
	return min(2, len(path))
}

// add notes a value; item is that of a list, and tells it from the others of it.
func (r *leafReader) add(path []string, item, text string) {
	n := sectionDepth(path)
	section, name := "", ""
	for _, key := range path[:n] {
		section = keyPath(section, key)
	}
	for _, key := range path[n:] {
		name = keyPath(name, key)
	}
	switch {
	case item != "":
		text = name + " has " + item
	case name != "":
		text = name + " = " + text
	}
	r.out[section+"\x00"+name+"\x00"+item] = leaf{section, text}
}

func leafText(t json.Token) string {
	switch t := t.(type) {
	case string:
		text, err := json.Marshal(t)
		if err == nil {
			if text, err = nixlang.FromJSON(text); err == nil {
				return strings.TrimSuffix(string(text), "\n")
			}
		}
		return strconv.Quote(t)
	case json.Number:
		return t.String()
	case bool:
		return strconv.FormatBool(t)
	}
	return "null"
}
