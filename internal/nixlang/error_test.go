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
		v, err = Module(ctx, v, nil)
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

func TestAFileCannotSpeakToTheTerminal(t *testing.T) {
	for _, src := range []string{
		"{ a = throw \"\x1b[2J\"; }", "{ \"\x1b[2J\" = null.x; }", "{ a = \"\x1b]0;x\x07\" + 1; }", "\u009b1;31m", "{ a = {}.\"\x1b\"; }",
	} {
		if text := detail(t, src); strings.ContainsAny(text, "\x1b\x07\u009b") {
			t.Errorf("%q: %q", src, text)
		}
	}
}

func TestALongLineIsCutAroundTheCaret(t *testing.T) {
	src := "{ a = \"" + strings.Repeat("é", 5000) + "\" + 1; b = \"" + strings.Repeat("x", 5000) + "\"; }"
	lines := strings.Split(detail(t, src), "\n")
	code, caret := []rune(lines[2]), []rune(lines[3])
	if len(code) > 200 || code[len(caret)-1] != '1' || caret[len(caret)-1] != '^' {
		t.Errorf("got\n%s\n%s", lines[2], lines[3])
	}
}

func TestALongTraceTellsTheStepsNextToTheError(t *testing.T) {
	src := strings.Repeat("{ a = ", 20) + "null.x" + strings.Repeat("; }", 20)
	text := detail(t, src)
	if n := strings.Count(text, "while evaluating"); n != maxFrames || !strings.Contains(text, "… and 14 more") {
		t.Errorf("%d frames:\n%s", n, text)
	}
}
