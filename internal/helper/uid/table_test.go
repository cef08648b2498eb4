package uid

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func folder(t interface {
	Fatal(...any)
	Cleanup(func())
}, path string) *os.File {
	d, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func nobody(uint32) bool { return false }

func TestNoTwoVMsShareAUIDWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path, err := os.MkdirTemp("", "uids")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(path) })
		dir := folder(t, path)
		table, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]uint32{} // what each VM was given
		taken := map[uint32]bool{}  // what others use
		vm := rapid.Map(rapid.IntRange(0, 6), func(i int) string { return fmt.Sprintf("vm-%d", i) })
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				v := vm.Draw(t, "vm")
				first, err := table.Claim(v, func(u uint32) bool { return taken[u] })
				if err != nil {
					t.Fatal(err)
				}
				if before, ok := have[v]; ok && before != first && !taken[before] {
					t.Fatalf("%s had %d and has %d though nobody took it", v, before, first)
				}
				if taken[first] {
					t.Fatalf("%s got %d, which somebody uses", v, first)
				}
				have[v] = first
			},
			"free": func(t *rapid.T) {
				v := vm.Draw(t, "vm")
				if err := table.Free(v); err != nil {
					t.Fatal(err)
				}
				delete(have, v)
			},
			"somebody else uses a block": func(t *rapid.T) {
				taken[First+Block*uint32(rapid.IntRange(0, 8).Draw(t, "block"))] = true
			},
			"somebody else is gone": func(*rapid.T) { clear(taken) },
			"the helper restarts": func(t *rapid.T) {
				if table, err = Open(dir); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				seen := map[uint32]string{}
				for v, first := range have {
					if other, ok := seen[first]; ok {
						t.Fatalf("%s and %s share %d", v, other, first)
					}
					seen[first] = v
					if got, ok := table.Holds(v); !ok || got != first {
						t.Fatalf("%s holds %d (%v), was given %d", v, got, ok, first)
					}
					if owner, ok := table.Owner(first + Passt); !ok || owner != v {
						t.Fatalf("%d belongs to %q, not to %s", first+Passt, owner, v)
					}
					if Of(first+SWTPM) != first {
						t.Fatalf("block of %d is %d", first+SWTPM, Of(first+SWTPM))
					}
				}
				if want := slices.Sorted(maps.Keys(have)); !slices.Equal(want, table.VMs()) {
					t.Fatalf("the table has %v, not %v", table.VMs(), want)
				}
			},
		})
	})
}

func TestADamagedTableIsRefusedRatherThanGuessedAt(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":          ``,
		"half":             `{"version":1,"blocks":{"a":18790`,
		"another version":  `{"version":2,"blocks":{}}`,
		"outside":          `{"version":1,"blocks":{"a":1000}}`,
		"beyond":           `{"version":1,"blocks":{"a":1879310336}}`,
		"inside a block":   `{"version":1,"blocks":{"a":1879048193}}`,
		"two in one block": `{"version":1,"blocks":{"a":1879048192,"b":1879048192}}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(folder(t, dir)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func TestALinkInTheTablesPlaceIsNotFollowed(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(elsewhere, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fileName, fileName + ".new"} {
		if err := os.Symlink(elsewhere, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	d := folder(t, dir)
	if _, err := Open(d); err == nil {
		t.Error("a link was read")
	}
	if err := os.Remove(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	table, err := Open(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Claim("a", nobody); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(elsewhere); err != nil || string(data) != "untouched" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestWhatCannotBeWrittenIsNotGiven(t *testing.T) {
	path := t.TempDir()
	d := folder(t, path)
	table, err := Open(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil { // a folder that is gone takes no files, not even root's
		t.Fatal(err)
	}
	if first, err := table.Claim("a", nobody); err == nil {
		t.Errorf("given %d", first)
	}
	if _, ok := table.Holds("a"); ok {
		t.Error("held though it is not on disk")
	}
}
