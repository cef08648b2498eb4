package nixlang

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// palette is one value of every sort, as text.
var palette = []string{
	"null", "true", "0", "-1", "2.5", `"a"`, `"/folder/a.nix"`, "./a.nix", "[ ]", `[ 1 "a" { name = "n"; value = 1; } ]`, `[ "a" ]`,
	"{ }", `{ a = 1; name = "a"; __toString = s: 1; }`, "(x: x)", "({ a }: a)", "(x: y: true)", "map", `(throw "t")`, "{ startSet = [ 1 ]; operator = 2; }", "[ [ 1 ] ]",
}

// Whatever a builtin is given, it gives a value or an error that blames the input.
func TestNoBuiltinBreaksWhateverItIsGiven(t *testing.T) {
	table := builtinTables()
	for i := range table {
		p := &table[i]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			forArgs(p.arity, func(args string) {
				expr := "builtins." + p.name + args
				err := everything(context.Background(), expr, Options{Files: folder, Limits: Limits{Steps: 10_000, Depth: 500}})
				if err != nil && fault.KindOf(err) != fault.Invalid && !strings.Contains(err.Error(), "UTF-8") {
					t.Errorf("%s: kind %v: %v", expr, fault.KindOf(err), err)
				}
			})
		})
	}
}

// forArgs calls f with all argument lists of n values.
func forArgs(n int, f func(string)) {
	if n == 0 {
		f("")
		return
	}
	for _, v := range palette {
		if strings.HasPrefix(v, "-") {
			v = "(" + v + ")"
		}
		forArgs(n-1, func(rest string) { f(" " + v + rest) })
	}
}

func TestArithmeticStaysIn64Bits(t *testing.T) {
	const least = "(-9223372036854775807 - 1)"
	for expr, want := range map[string]string{
		"9223372036854775807 + 1":                   "integer overflow in 9223372036854775807 + 1",
		least + " + (-1)":                           "integer overflow",
		least + " - 1":                              "integer overflow",
		"9223372036854775807 - (-1)":                "integer overflow",
		"- " + least:                                "integer overflow in 0 - -9223372036854775808",
		least + " * (-1)":                           "integer overflow",
		"(-1) * " + least:                           "integer overflow",
		"3037000500 * 3037000500":                   "integer overflow",
		least + " / (-1)":                           "integer overflow",
		"builtins.add 9223372036854775807 1":        "integer overflow",
		"0 * " + least:                              "0",
		"9223372036854775807 - 9223372036854775807": "0",
		"3037000499 * 3037000499":                   "9223372030926249001",
		"9223372036854775807 + 1.0":                 "9.22337e+18",
		"builtins.ceil 1.0e300":                     "does not fit into an integer",
		"builtins.floor (1.0e308 * 10)":             "does not fit into an integer",
		"1.0e308 * 10":                              "inf",
		"-1.0e308 * 10":                             "-inf",
		"1 / 0":                                     "division by zero",
		"1.0 / 0.0":                                 "division by zero",
		"builtins.fromJSON \"9223372036854775808\"": "does not fit into 64 bits",
		"builtins.fromJSON \"1e999\"":               "too large",
	} {
		strict, err := evalIn(nil, "", expr)
		if got := strict + fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%s: got %s", expr, got)
		}
	}
}

func TestJSONIsReadAndWrittenSafely(t *testing.T) {
	for expr, want := range map[string]string{
		`builtins.fromJSON "{\"a\":1,\"a\":2}"`:                                              "{ a = 2; }",
		`builtins.fromJSON "[1"`:                                                             "cannot read this as JSON, near byte 2: unexpected EOF",
		`builtins.fromJSON ""`:                                                               "cannot read this as JSON",
		`builtins.fromJSON "{\"a\" 1}"`:                                                      "cannot read this as JSON",
		`builtins.fromJSON "{1:2}"`:                                                          "cannot read this as JSON",
		`builtins.fromJSON "nul"`:                                                            "cannot read this as JSON",
		`builtins.toJSON (builtins.substring 1 1 "é")`:                                       "\"\\\"\uFFFD\\\"\"",
		`builtins.toJSON (builtins.fromJSON "\"\\u0001\"")`:                                  `"\"\\u0001\""`,
		`builtins.toJSON [ { a = { }; } ./x ]`:                                               "Nix store",
		`builtins.toJSON { a = { outPath = { outPath = "x"; }; }; }`:                         `"{\"a\":\"x\"}"`,
		`builtins.fromJSON (builtins.concatStringsSep "" (builtins.genList (i: "[") 50000))`: "limit Depth",
	} {
		strict, err := evalIn(nil, "", expr)
		if got := strict + fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%s: got %.300s", expr, got)
		}
	}
}
