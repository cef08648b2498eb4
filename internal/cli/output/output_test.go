package output

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

func plain(out *bytes.Buffer) screen.Screen { return screen.Of(out, screen.Never, true) }

func TestTablesAreAligned(t *testing.T) {
	table := Table{Columns: []Column{{Title: "NAME", Cut: true}, {Title: "N", Right: true}, {Title: "MORE", Wide: true}, {Title: "LAST"}}}
	table.Add("a", "1", "x", "")
	table.Add("äöü-long", "100", "y", "end\x1b[0m")
	var out bytes.Buffer
	if err := table.Write(plain(&out), false); err != nil {
		t.Fatal(err)
	}
	want := "NAME        N  LAST\na           1  –\näöü-long  100  end·[0m\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	if err := table.Write(plain(&out), true); err != nil {
		t.Fatal(err)
	}
	if want := "NAME        N  MORE  LAST\na           1  x     –\näöü-long  100  y     end·[0m\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestProseInATableGoesOnBelowItself(t *testing.T) {
	table := Table{Columns: []Column{{Title: "NAME"}, {Title: "WHY", Wrap: true}}}
	table.Add("web", strings.Repeat("because ", 12)+"so")
	table.Add("db", "short")
	var out bytes.Buffer
	if err := table.Write(plain(&out), false); err != nil {
		t.Fatal(err)
	}
	want := "NAME  WHY\nweb   " + strings.TrimSpace(strings.Repeat("because ", 9)) + "\n      because because because so\ndb    short\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestANarrowTerminalTakesFromLongNames(t *testing.T) {
	table := Table{Columns: []Column{{Title: "NAME", Cut: true}, {Title: "STATE"}}}
	table.Add("a-name-that-is-rather-long-for-this", "running")
	widths := table.widths([]int{0, 1})
	table.squeeze([]int{0, 1}, widths, 30)
	if widths[0] != 21 || widths[1] != 7 {
		t.Errorf("%v", widths)
	}
	table.squeeze([]int{0, 1}, widths, 5)
	if widths[0] != 12 {
		t.Errorf("a name keeps 12 characters: %v", widths)
	}
}

func TestARowThatComesLaterKeepsToTheColumns(t *testing.T) {
	rows := NewRows(Table{Columns: []Column{{Title: "NAME"}, {Title: "STATE"}}})
	rows.Table.Add("web", "off")
	var out bytes.Buffer
	if err := rows.Begin(plain(&out), false); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"running", "off"} {
		if err := rows.Add(plain(&out), "w", state); err != nil {
			t.Fatal(err)
		}
	}
	if want := "NAME  STATE\nweb   off\nw     running\nw     off\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestAgesAreInTheirLargestUnit(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 90 * time.Second: "90s", 2 * time.Minute: "2m", 119 * time.Minute: "119m", 2 * time.Hour: "2h", 47 * time.Hour: "47h", 72 * time.Hour: "3d",
	} {
		if got := Age(now, now.Add(-d)); got != want {
			t.Errorf("%s: %s, not %s", d, got, want)
		}
	}
	if Age(now, time.Time{}) != "" || Moment(now, time.Time{}) != "" {
		t.Error("no time has no age")
	}
	for d, want := range map[time.Duration]string{440 * time.Millisecond: "440 ms", 1240 * time.Millisecond: "1.2 s", 42 * time.Second: "42 s", 200 * time.Second: "3 min 20 s"} {
		if got := Took(d); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
}

func TestEveryFormSaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := value(2).Draw(t, "value")
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var nix, text bytes.Buffer
		if err := Nix.Value(&nix, v); err != nil {
			t.Fatal(err)
		}
		got, err := nixlang.EvalString(t.Context(), "x.nix", nix.String(), nixlang.Options{})
		if err != nil {
			t.Fatalf("%v in\n%s", err, nix.String())
		}
		node, err := got.Deep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		back, err := node.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(parsed(want), parsed(back)); diff != "" {
			t.Fatalf("%s\n%s", diff, nix.String())
		}
		if err := JSON.Value(&text, v); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(parsed(want), parsed(text.Bytes())); diff != "" {
			t.Fatal(diff)
		}
	})
}

func parsed(text []byte) any {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		panic(err)
	}
	return v
}

// value generates what an API object may hold.
func value(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.StringMatching("[ -~\n\t\"$\\{\\}äö']{0,12}"), func(s string) any { return s }),
		rapid.Map(rapid.Int64Range(-1<<53, 1<<53), func(n int64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
	)
	if depth == 0 {
		return leaf
	}
	below := rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) })
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(below, 0, 4), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.StringMatching("[a-z./ \"$-]{1,8}|if|rec|or"), below, 0, 4), func(m map[string]any) any { return m }),
	)
}

func TestAYAMLObjectIsReadBackAsADeclaration(t *testing.T) {
	declared := map[string]any{"hypervisor": map[string]any{"vms": map[string]any{"web": map[string]any{"cpus": 2, "description": "yes: no"}}}}
	var out bytes.Buffer
	if err := YAML.Value(&out, declared); err != nil {
		t.Fatal(err)
	}
	all, _, err := config.ReadVMsString(t.Context(), config.YAML, "x.yaml", out.String())
	if err != nil || len(all) != 1 || all[0].Description != "yes: no" {
		t.Errorf("%v %v in\n%s", all, err, out.String())
	}
}

func TestFlattenMarksDefaults(t *testing.T) {
	v := struct {
		Memory int            `json:"memory"`
		Disks  map[string]any `json:"disks"`
		Boot   []string       `json:"boot"`
	}{1 << 30, map[string]any{"root": map[string]any{"volume": "r", "bootIndex": 1}}, []string{"a"}}
	f, err := Flatten(v, []string{"memory", "disks.root.bootIndex"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := "  memory                1GiB (default)\n  disks.root.bootIndex  1 (default)\n  disks.root.volume     r\n  boot[0]               a\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
