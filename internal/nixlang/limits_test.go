package nixlang

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// everything evaluates src in all ways there are and returns the first error.
func everything(ctx context.Context, src string, opt Options) error {
	v, err := EvalString(ctx, "x", src, opt)
	if err != nil {
		return err
	}
	_, lazy := v.Nix(ctx, false)
	_, deep := v.Deep(ctx)
	_, strict := v.Nix(ctx, true)
	_, json := v.JSON(ctx)
	return errors.Join(lazy, deep, strict, json)
}

func TestEveryLimitIsNamedWhenItIsReached(t *testing.T) {
	many := fstest.MapFS{"big.txt": {Data: make([]byte, 2<<20)}}
	for i := range 300 {
		many[fmt.Sprintf("f%d.nix", i)] = &fstest.MapFile{Data: []byte("1")}
	}
	opt := Options{Files: many, Limits: Limits{Steps: 5_000_000, Memory: 64 << 20}} // sooner than the defaults
	nested := strings.Repeat("(", 100_000)
	for name, c := range map[string]struct{ src, limit string }{
		"a file that is too large":         {"1" + strings.Repeat(" ", 1<<20), "SourceBytes"},
		"a read file that is too large":    {"builtins.readFile ./big.txt", "SourceBytes"},
		"too many files":                   {`map (i: import (./. + "/f${toString i}.nix")) (builtins.genList (i: i) 300)`, "Files"},
		"too many parentheses":             {nested, "Nesting"},
		"too many lists":                   {strings.Repeat("[", 100_000), "Nesting"},
		"too many sets":                    {strings.Repeat("{a=", 100_000), "Nesting"},
		"too many interpolations":          {strings.Repeat(`"${`, 100_000), "Nesting"},
		"too many functions":               {strings.Repeat("x: ", 100_000) + " 1", "Nesting"},
		"too many negations":               {strings.Repeat("!", 100_000) + "true", "Nesting"},
		"too many minus signs":             {strings.Repeat("-", 100_000) + "1", "Nesting"},
		"a sum that is too long":           {strings.Repeat("1+", 100_000) + "1", "Nesting"},
		"a list sum that is too long":      {strings.Repeat("[]++", 100_000) + "[]", "Nesting"},
		"too many else":                    {strings.Repeat("if true then 1 else ", 50_000) + "1", "Nesting"},
		"too many or":                      {strings.Repeat("{}.a or ", 100_000) + "1", "Nesting"},
		"an attribute path too long":       {"{" + strings.Repeat("a.", 100_000) + "a = 1; }", "Nesting"},
		"too many let":                     {strings.Repeat("let a=1; in ", 50_000) + "1", "Nesting"},
		"recursion without end":            {"let f = x: f x; in f 1", "Depth"},
		"recursion that grows":             {"let f = x: 1 + f (x + 1); in f 1", "Depth"},
		"a set without end":                {"let f = x: { a = f (x + 1); }; in f 1", "Depth"},
		"a list without end, compared":     {"let f = x: [ (f x) ]; in f 1 == f 2", "Depth"},
		"a functor that calls itself":      {"let f = { __functor = f; }; in f 1", "Depth"},
		"a thunk chain":                    {"builtins.foldl' (a: b: { v = a.v + 1; }) { v = 0; } (builtins.genList (i: i) 40000)", "Depth"},
		"text of text of text":             {"let f = { __toString = s: f; }; in toString f", "Depth"},
		"steps without end":                {"builtins.foldl' (a: b: builtins.foldl' (c: d: c + d) 0 (builtins.genList (i: 1) 10000)) 0 (builtins.genList (i: i) 1000000)", ""},
		"a string that doubles":            {`builtins.foldl' (s: _: s + s) "x" (builtins.genList (i: i) 60)`, "Memory"},
		"a list that doubles":              {"builtins.foldl' (s: _: s ++ s) [ 1 ] (builtins.genList (i: i) 60)", "Memory"},
		"a huge list":                      {"builtins.genList (i: i) 9223372036854775807", "Memory"},
		"a large list":                     {"builtins.genList (i: i) 100000000", "Memory"},
		"shared parts, spread out":         {"builtins.foldl' (s: _: [ s s ]) [ ] (builtins.genList (i: i) 60)", ""},
		"replaced by more":                 {`builtins.foldl' (s: _: builtins.replaceStrings [ "x" ] [ "xx" ] s) "x" (builtins.genList (i: i) 60)`, "Steps"},
		"joined with long separators":      {`let s = builtins.foldl' (s: _: s + s) "x" (builtins.genList (i: i) 20); in builtins.concatStringsSep s (builtins.genList (i: "") 100000)`, "Memory"},
		"a closure without end":            {"builtins.genericClosure { startSet = [ { key = 1; } ]; operator = x: [ { key = x.key + 1; } ]; }", "Steps"},
		"a set that grows by names":        {`builtins.foldl' (s: i: s // { "a${toString i}" = 1; }) { } (builtins.genList (i: i) 1000000)`, "Memory"},
		"equality of shared parts":         {"let f = n: builtins.foldl' (s: _: { a = s; b = s; }) 1 (builtins.genList (i: i) 60); in f 1 == f 2", "Steps"},
		"a regular expression over a text": {`builtins.match "(a*)*b" (builtins.foldl' (s: _: s + s) "a" (builtins.genList (i: i) 26))`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := everything(context.Background(), c.src, opt)
			if c.limit == "" && err == nil {
				t.Fatal("this ends")
			}
			if !strings.Contains(fmt.Sprint(err), "limit "+c.limit) {
				t.Fatalf("got %.300v, want the limit %s", err, c.limit)
			}
			if k := fault.KindOf(err); k != fault.Invalid {
				t.Errorf("kind is %v", k)
			}
		})
	}
}

func TestWhatALimitStoppedEndsOutside(t *testing.T) {
	ctx := context.Background()
	v, err := EvalString(ctx, "x", "{ a = let f = x: 1 + f x; in f 1; b = 2; }", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Deep(ctx); err == nil {
		t.Fatal("this ends")
	}
	if s, err := v.Nix(ctx, false); err != nil || s != "{ a = <CODE>; b = 2; }" {
		t.Errorf("after it: %s, %v", s, err)
	}
}

func TestALimitIsNotCaughtByTryEval(t *testing.T) {
	err := everything(context.Background(), "builtins.tryEval (let f = x: 1 + f x; in f 1)", Options{})
	if !strings.Contains(fmt.Sprint(err), "limit Depth") {
		t.Errorf("got %v", err)
	}
}

func TestEvaluationEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	opt := Options{Trace: func(string) { cancel() }, Limits: Limits{Steps: 1 << 60, Memory: 1 << 60}}
	_, err := EvalString(ctx, "x", `builtins.trace "now" (builtins.foldl' (a: b: a + b) 0 (builtins.genList (i: i) 100000))`, opt)
	if !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestZeroLimitsAreTheDefaults(t *testing.T) {
	if got := (Limits{}).orDefaults(); got != DefaultLimits() {
		t.Errorf("got %+v", got)
	}
	if got := (Limits{Files: 3}).orDefaults(); got.Files != 3 || got.Steps != DefaultLimits().Steps {
		t.Errorf("got %+v", got)
	}
}
