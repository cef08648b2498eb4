package nixlang

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func parsed(src string) (expr, error) {
	names, _ := globalScope()
	return parse(&source{name: "x", dir: "/", text: src}, names, DefaultLimits())
}

func TestOperatorsBindAsInTheManual(t *testing.T) {
	for src, want := range map[string]string{
		"1 + 2 * 3":                "(1 + (2 * 3))",
		"1 - 2 - 3":                "((1 - 2) - 3)",
		"[1] ++ [2] ++ [3]":        "([ (1) ] ++ ([ (2) ] ++ [ (3) ]))",
		"{} // {} // {}":           "({ } // ({ } // { }))",
		"true -> false -> true":    "(true -> (false -> true))",
		"true || false && true":    "(true || (false && true))",
		"1 == 2 || 3 < 4":          "((1 == 2) || (3 < 4))",
		"1 < 2 == true":            "((1 < 2) == true)",
		"!true == false":           "((! true) == false)",
		"!true // {}":              "((! true) // { })",
		"!{} ? a":                  "(! (({ }) ? a))",
		"! true + 1":               "(! (true + 1))",
		"-1 + 2":                   "((- 1) + 2)",
		"-{} ? a":                  "(((- { })) ? a)",
		"1 * -2":                   "(1 * (- 2))",
		"- - 1":                    "(- (- 1))",
		"2 * !true + 1":            "(2 * (! (true + 1)))",
		"[1] ++ [] == []":          "(([ (1) ] ++ [ ]) == [ ])",
		"{} // {} == {}":           "(({ } // { }) == { })",
		"map (x: x) [ ]":           "(map (x: x) [ ])",
		"map map map.a or 1 2":     "(map map (map).a or (1) 2)",
		"x: y: x":                  "(x: (y: x))",
		"x: x + 1":                 "(x: (x + 1))",
		"if true then 1 else 2":    "(if true then 1 else 2)",
		"let a = 1; in a + a":      "(let a = 1; in (a + a))",
		"with {}; 1 + 2":           "(with { }; (1 + 2))",
		"assert true; 1 + 2":       "(assert true; (1 + 2))",
		"{a,b?1,...}@c: a":         "({ a, b ? 1, ... } @ c: a)",
		"c@{...}: c":               "({ ... } @ c: c)",
		"rec { a.b.c = 1; }":       "rec { a = { b = { c = 1; }; }; }",
		"{ inherit ({}) a b; }":    "{ inherit ({ }) a; inherit ({ }) b; }",
		"{ b = 1; a = 2; }":        "{ a = 2; b = 1; }",
		`"a${"b"}\${c}"`:           `"a${"b"}\${c}"`,
		"let { body = 1; }":        "(rec { body = 1; }).body",
		"./a/${\"b\"}":             `./a/${"b"}`,
		"http://a":                 `"http://a"`,
		"{ \"a b\".${null} = 1; }": `{ "a b" = { ${null} = 1; }; }`,
	} {
		e, err := parsed(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
		} else if got := printed(e); got != want {
			t.Errorf("%s:\n got %s\nwant %s", src, got, want)
		}
	}
}

func TestATreeIsReadBackFromItsText(t *testing.T) {
	for _, e := range readEvaluations(t) {
		tree, err := parsed(e.expr)
		if err != nil {
			continue
		}
		readBack(t, printed(tree))
	}
}

// readBack checks that text is the same after it was read and printed.
func readBack(t interface{ Errorf(string, ...any) }, text string) {
	again, err := parsed(text)
	if err != nil {
		t.Errorf("cannot read back %s: %v", text, err)
		return
	}
	if got := printed(again); got != text {
		t.Errorf("read back differently:\n%s\n%s", text, got)
	}
}

// program draws the text of an expression with names that are bound.
func program(t *rapid.T, depth int, bound []string) string {
	if depth == 0 {
		return leaf(t, bound)
	}
	sub := func() string { return program(t, depth-1, bound) }
	inner := func(names ...string) string {
		return program(t, depth-1, append(bound[:len(bound):len(bound)], names...))
	}
	name := func() string { return rapid.SampledFrom([]string{"a", "b", "c", `"d e"`, "or"}).Draw(t, "name") }
	op := rapid.SampledFrom([]string{"+", "-", "*", "/", "++", "//", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "->"})
	switch rapid.IntRange(0, 17).Draw(t, "form") {
	case 0:
		return "(" + sub() + " " + op.Draw(t, "op") + " " + sub() + ")"
	case 1:
		return "{ a = " + sub() + "; b.c = " + sub() + "; }"
	case 2:
		return "rec { a = " + inner("a", "b") + "; b = " + inner("a", "b") + "; }"
	case 3:
		return "(let a = " + inner("a") + "; in " + inner("a") + ")"
	case 4:
		return "[ (" + sub() + ") (" + sub() + ") ]"
	case 5:
		return "(if " + sub() + " then " + sub() + " else " + sub() + ")"
	case 6:
		return "(x: " + inner("x") + ")"
	case 7:
		return "({ a, b ? " + inner("a", "b") + ", ... }@c: " + inner("a", "b", "c") + ")"
	case 8:
		return "((" + sub() + ") (" + sub() + "))"
	case 9:
		return "(" + sub() + ")." + name()
	case 10:
		return "((" + sub() + ")." + name() + " or (" + sub() + "))"
	case 11:
		return "((" + sub() + ") ? " + name() + "." + name() + ")"
	case 12:
		return `"x${` + sub() + `}$y"`
	case 13:
		return "''\n  x ${" + sub() + "}\n    y ''$ '' + \"$\""
	case 14:
		return "(with " + sub() + "; " + sub() + ")"
	case 15:
		return "(builtins.tryEval (" + sub() + ")).value"
	case 16:
		return "(! " + sub() + ")"
	}
	return "(- " + sub() + ")"
}

func leaf(t *rapid.T, bound []string) string {
	constants := []string{"1", "2.5", "0", `"s"`, `""`, "null", "true", "false", "[ ]", "{ }", "./p", "map", "builtins.add", "{ a = 1; b.c = 2; }"}
	return rapid.SampledFrom(append(constants, bound...)).Draw(t, "leaf")
}

func TestAnyTreeIsReadBackFromItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := program(t, rapid.IntRange(0, 5).Draw(t, "depth"), nil)
		tree, err := parsed(src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		readBack(t, printed(tree))
	})
}

// A text and its printed tree mean the same, and so does the same text a second time.
func TestAnyTextEvaluatesTheSameWayAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := program(t, rapid.IntRange(0, 5).Draw(t, "depth"), nil)
		tree, err := parsed(src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		first := outcome(src)
		if again := outcome(src); again != first {
			t.Fatalf("%s\nonce  %s\nagain %s", src, first, again)
		}
		if text := printed(tree); outcome(text) != first {
			t.Fatalf("%s\nis     %s\nprinted %s\nis     %s", src, first, text, outcome(text))
		}
	})
}

// outcome is the value of src as text, or what its error says.
func outcome(src string) string {
	strict, _, json := evaluated(src, Options{Limits: Limits{Steps: 100_000}})
	return fmt.Sprint(strict, " ", strings.TrimSpace(json))
}
