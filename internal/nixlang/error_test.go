package nixlang

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// erroneous files, divided as in evaluations.txt.
const (
	erroneousFile = "testdata/erroneous.txt"
	errorsGolden  = "testdata/errors.golden"
)

func TestAnErrorShowsTheLineTheCaretAndTheWayThere(t *testing.T) {
	text, err := os.ReadFile(erroneousFile)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for src := range strings.SplitSeq(string(text), between) {
		out.WriteString(src + "==>\n" + detail(t, src) + "\n" + between)
	}
	if *update {
		if err := os.WriteFile(errorsGolden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(errorsGolden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("errors changed; look at them, then run with -update:\n%s", out.String())
	}
}

// detail evaluates src as a declaration and returns its error as a person sees it.
func detail(t *testing.T, src string) string {
	t.Helper()
	ctx := context.Background()
	opt := Options{Files: fstest.MapFS{
		"host.nix":   {Data: []byte(src)},
		"broken.nix": {Data: []byte("{\n  a = ;\n}\n")},
		"deep.nix":   {Data: []byte("{ vms.web.memory = 1 + null; }\n")},
		"loop.nix":   {Data: []byte("import ./loop.nix\n")},
	}}
	v, err := EvalFile(ctx, "host.nix", opt)
	if err == nil {
		v, err = Module(ctx, v)
	}
	if err == nil {
		_, err = v.Deep(ctx)
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("no *Error for %q: %v", src, err)
	}
	if k := fault.KindOf(err); k != fault.Unreadable && k != fault.Invalid {
		t.Errorf("%q: kind %v", src, k)
	}
	kind, text := fault.KindOf(err).Error(), e.Detail()
	if hint := fault.HintOf(err); hint != "" {
		text += "\nhint: " + hint
	}
	return kind + "\n" + text
}
