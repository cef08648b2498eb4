package hypernixos_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// gates may ask why a feature is off: the one of actions, and the two that hold a VM's spec against the table of uses.
var gates = []string{"internal/action/gate.go", "internal/feature/", "internal/cli/features/"}

// What a VM's spec may have of a feature is refused by a row of feature.Uses, or turning the feature off would not know of
// its users. So no room asks for itself whether a feature is off, and one that names a feature has a row for it.
func TestNoFieldOfASpecIsGatedWithoutARowInTheTableOfUses(t *testing.T) {
	ids := featureConstants(t)
	asks, names := regexp.MustCompile(`\.WhyOff\(`), regexp.MustCompile(`\bcatalogue\.([A-Z][A-Za-z]*)`)
	for _, room := range []string{"action", "config", "plan", "reconcile", "qemu", "storage", "view", "importer", "daemon", "api", "helper"} {
		walkGo(t, filepath.Join("internal", room), func(path, text string) {
			if asks.MatchString(text) && !slices.ContainsFunc(gates, func(g string) bool { return strings.HasPrefix(path, g) }) {
				t.Errorf("%s asks why a feature is off: add a row to internal/feature/use.go instead, which refuses the spec and names its users", path)
			}
			for _, m := range names.FindAllStringSubmatch(text, -1) {
				id, ok := ids[m[1]]
				if f, known := catalogue.Default().Get(id); !ok || !known || f.Core {
					continue
				}
				if !slices.ContainsFunc(feature.Uses(), func(u feature.Use) bool { return u.Feature == id }) {
					t.Errorf("%s speaks of feature %s: what uses it has no row in internal/feature/use.go", path, id)
				}
			}
		})
	}
}

// A row's path leads to a field of a VM's spec, and its code refuses the spec while the feature is off.
func TestEveryUseOfAVMIsAFieldOfItsSpec(t *testing.T) {
	for _, u := range feature.Uses() {
		if u.Kind != "vm" {
			continue
		}
		if !leads(reflect.TypeFor[vm.Spec](), strings.Split(u.Path, ".")) {
			t.Errorf("a vm has no %s", u.Path)
		}
		if u.Code == "" {
			t.Errorf("%s is refused with no code", u.Path)
		}
	}
}

// leads reports whether a path of JSON names leads somewhere in a type.
func leads(in reflect.Type, path []string) bool {
	for in.Kind() == reflect.Pointer {
		in = in.Elem()
	}
	switch {
	case len(path) == 0:
		return true
	case in.Kind() == reflect.Map || in.Kind() == reflect.Slice:
		return path[0] == "*" && leads(in.Elem(), path[1:])
	case in.Kind() != reflect.Struct:
		return false
	}
	for i := range in.NumField() {
		name, _, _ := strings.Cut(in.Field(i).Tag.Get("json"), ",")
		if name == path[0] {
			return leads(in.Field(i).Type, path[1:])
		}
	}
	return false
}

// featureConstants are the names by which code calls features.
func featureConstants(t *testing.T) map[string]catalogue.ID {
	t.Helper()
	text, err := os.ReadFile("internal/feature/catalogue/ids.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]catalogue.ID{}
	for _, m := range regexp.MustCompile(`(?m)^\t([A-Z]\w*)\s+ID = "(\w+)"`).FindAllStringSubmatch(string(text), -1) {
		all[m[1]] = catalogue.ID(m[2])
	}
	if len(all) != catalogue.Default().Len() {
		t.Fatalf("%d constants for %d features", len(all), catalogue.Default().Len())
	}
	return all
}

// walkGo calls see with each file of the product below a folder.
func walkGo(t *testing.T, dir string, see func(path, text string)) {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			all = append(all, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		see(filepath.ToSlash(path), string(text))
	}
}
