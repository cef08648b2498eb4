package hypernixos_test

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
)

// worldly are the packages through which code reaches the world, with what to take instead.
// An entry ending in / stands for everything under it.
var worldly = map[string]string{
	"os":                     "take an fs.FS or a value",
	"os/":                    "take an fs.FS or a value",
	"io/ioutil":              "take an fs.FS",
	"net":                    "take the answer as a value (net/netip and net/url are values)",
	"net/http":               "only the edges speak HTTP",
	"net/http/":              "only the edges speak HTTP",
	"net/rpc":                "only hands speak to somebody",
	"net/smtp":               "only hands speak to somebody",
	"syscall":                "only hands call the kernel",
	"golang.org/x/sys/":      "only hands call the kernel",
	"math/rand":              "take a source of randomness, or the number",
	"math/rand/v2":           "take a source of randomness, or the number",
	"crypto/rand":            "take the random bytes as an argument",
	"log":                    "return a finding or an error",
	"log/slog":               "return a finding or an error",
	"plugin":                 "nothing is loaded at run time",
	"database/sql":           "only store/local knows SQL",
	"github.com/google/uuid": "take the id as an argument",
}

// worldlyCalls are calls that read the clock, wait, print or look at a file, in packages that are else pure.
var worldlyCalls = map[string]string{
	"time.Now": "clock", "time.Since": "clock", "time.Until": "clock", "time.Sleep": "clock", "time.After": "clock",
	"time.AfterFunc": "clock", "time.NewTimer": "clock", "time.NewTicker": "clock", "time.Tick": "clock",
	"time.LoadLocation": "zone files", "fmt.Print": "stdout", "fmt.Printf": "stdout", "fmt.Println": "stdout",
	"path/filepath.Abs": "working folder", "path/filepath.EvalSymlinks": "files", "path/filepath.Glob": "files",
	"path/filepath.Walk": "files", "path/filepath.WalkDir": "files",
}

// impurities finds what a pure room must not do: import the world, or call it.
func impurities(f source) []string {
	var found []string
	names := map[string]string{} // the name in this file -> import path
	for _, spec := range f.file.Imports {
		imported := importPath(spec)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
		if instead, bad := reaches(imported); bad {
			found = append(found, fmt.Sprintf("%s: %s is pure and imports %q: %s", f.at(spec.Pos()), f.room, imported, instead))
		}
		if name == "." {
			found = append(found, fmt.Sprintf("%s: %s is pure and imports %q by a dot: its calls could not be checked", f.at(spec.Pos()), f.room, imported))
		}
	}
	ast.Inspect(f.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		call := names[pkg.Name] + "." + sel.Sel.Name
		if world, bad := worldlyCalls[call]; bad {
			found = append(found, fmt.Sprintf("%s: %s is pure and uses %s (%s): time, files and facts come in as arguments", f.at(sel.Pos()), f.room, call, world))
		}
		return true
	})
	return found
}

func reaches(imported string) (instead string, bad bool) {
	if instead, bad = worldly[imported]; bad {
		return instead, true
	}
	for prefix, instead := range worldly {
		if strings.HasSuffix(prefix, "/") && strings.HasPrefix(imported, prefix) {
			return instead, true
		}
	}
	return "", false
}
