package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"pgregory.net/rapid"
)

func wireValue(data []byte) (string, error) {
	var w wire
	err := json.Unmarshal(data, &w)
	return string(w.Value), err
}

func TestADeclarationComesThroughTheWireAsItWasRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDeclaration(t)
		read := sourced(t, d)
		d.Sources = read.Sources
		if diff := cmp.Diff(d, read); diff != "" {
			t.Fatalf("read otherwise than written: %s", diff)
		}
		data, err := read.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, got); diff != "" {
			t.Fatal(diff)
		}
		again, err := got.Encode()
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("the same declaration has two encodings: %v\n%s\n%s", err, data, again)
		}
	})
}

func TestWhatTravelledIsReadAsStrictlyAsAFile(t *testing.T) {
	data := []byte(`{"version": 1, "value": {"hypervisor": {"vms": {"web": {"cpus": "2", "memroy": 5}}}},
		"files": ["host.nix"], "sources": [{"p": "hypervisor.vms.web.cpus", "f": 0, "l": 7, "c": 12}, {"p": "hypervisor.vms.web", "f": 0, "l": 5, "c": 3}]}`)
	_, err := Decode(data)
	var p *Problems
	if !errors.As(err, &p) || len(p.List) != 2 || !errors.Is(err, fault.Invalid) {
		t.Fatal(err)
	}
	want := "host.nix:5:3: hypervisor.vms.web.memroy: there is no such key\n" +
		`host.nix:7:12: hypervisor.vms.web.cpus: expected a whole number, found a string ("2")`
	if got := p.List[0].String() + "\n" + p.List[1].String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestASourceMapIsBelievedNothingThatCouldHurt(t *testing.T) {
	got, err := Decode([]byte(`{"version": 1, "value": {"hypervisor": {"host": {"name": "a"}}}, "files": ["a\u001b[2J\u202e.nix` + strings.Repeat("x", 9999) + `"],
		"sources": [{"p": "hypervisor.host.name", "f": 0, "l": 1, "c": 1}, {"p": "made.up", "f": 0, "l": 1, "c": 1}]}`))
	if err != nil || len(got.Sources) != 1 {
		t.Fatal(err, got.Sources)
	}
	file := got.Sources["hypervisor.host.name"].File
	if !strings.HasPrefix(file, "a[2J.nixxx") || len(file) > maxName {
		t.Errorf("the file's name became %.40q… of %d bytes", file, len(file))
	}
	for name, text := range map[string]string{
		"no JSON":           `{`,
		"another version":   `{"version": 2, "value": {}}`,
		"no value":          `{"version": 1}`,
		"a key twice":       `{"version": 1, "value": {"hypervisor": {}, "hypervisor": {}}}`,
		"a file too far":    `{"version": 1, "value": {}, "sources": [{"p": "a", "f": 0, "l": 1, "c": 1}]}`,
		"a line before one": `{"version": 1, "value": {}, "files": ["a"], "sources": [{"p": "a", "f": 0, "l": -1, "c": 1}]}`,
		"a long path":       `{"version": 1, "value": {}, "files": ["a"], "sources": [{"p": "` + strings.Repeat("a", maxPath+1) + `", "f": 0, "l": 1, "c": 1}]}`,
		"many files":        `{"version": 1, "value": {}, "files": ["a"` + strings.Repeat(`, "a"`, maxFiles) + `]}`,
		"a large value":     `{"version": 1, "value": {"a": "` + strings.Repeat("a", tree.MaxFile) + `"}}`,
		"a large whole":     strings.Repeat(" ", MaxWire+1),
	} {
		if _, err := Decode([]byte(text)); !errors.Is(err, fault.Unreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheStrangestKeysTravelToo(t *testing.T) {
	key := strings.Repeat("\U000e0101", 200)
	d, err := ReadString(t.Context(), JSON, "x", `{"hypervisor": {"featureManager": {"conflictScope": {"`+key+`": {"`+key+`": "vm"}}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if diff := cmp.Diff(d, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestAPlaceIsThatOfTheNearestThingAround(t *testing.T) {
	at := func(line int) finding.Position { return finding.Position{File: "a", Line: line, Column: 1} }
	m := SourceMap{"": at(1), "hypervisor.vms.web": at(2), `hypervisor.vms.web.labels."a.b/c"`: at(3), "hypervisor.x": at(4), "hypervisor.x[1]": at(5)}
	for path, want := range map[string]int{
		"hypervisor.vms.web.memory": 2, "hypervisor.vms.web": 2, `hypervisor.vms.web.labels."a.b/c"`: 3, `hypervisor.vms.web.labels."q.b"`: 2,
		"hypervisor.vms.db": 1, "hypervisor.x[1]": 5, "hypervisor.x[7]": 4, "hypervisor.x[1].y[2]": 5, "": 1, "]": 1, `"`: 1, "[": 1,
	} {
		if got := m.At(path).Line; got != want {
			t.Errorf("%s is at line %d, want %d", path, got, want)
		}
	}
	if got := SourceMap(nil).At("a.b"); got != (finding.Position{}) {
		t.Errorf("nothing stands at %s", got)
	}
}

func TestWhatDoesNotTravelSaysWhereAndWhatWould(t *testing.T) {
	for text, want := range map[string]string{
		`{`: "at byte 1", `{"version":1,"value":}`: "at byte 22", `{"version":"1"}`: "at byte 14, version", `[]`: "at byte 1",
		strings.Repeat("[", 100_000): "at byte 10001", `{"version":9,"value":{}}`: "has form 9, this build reads 1",
	} {
		_, err := Decode([]byte(text))
		if fault.KindOf(err) != fault.Unreadable || fault.HintOf(err) == "" || fault.CodeOf(err) != "HV-DECL-001" || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v (try: %s)", text, err, fault.HintOf(err))
		}
	}
}
