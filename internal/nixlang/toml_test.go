package nixlang

import (
	"context"
	"strings"
	"testing"
)

func TestTOMLIsReadSafely(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\n[b.c]\nd = [1.5, true]":        `{ a = 1; b = { c = { d = [ 1.5 true ]; }; }; }`,
		"a = 1\na = 2":                         "line 2: Key 'a' has already been defined",
		"a = ":                                 "cannot read this as TOML, line 1",
		"a = 1979-05-27":                       "dates and times are not supported",
		"a = 9223372036854775808":              "cannot read this as TOML",
		"a = " + strings.Repeat("[", 50_000):   "more than 200 tables or lists",
		strings.Repeat("a.", 50_000) + "a = 1": "more than 200 tables or lists",
	} {
		got, err := evalIn(nil, "", "builtins.fromTOML "+quoted(text))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%.60s: got %.200s, want %s", text, got, want)
		}
	}
}

func FuzzTOML(f *testing.F) {
	for _, seed := range []string{"a = 1", "[a.b]\nc = [ 1, \"x\" ]", "[[t]]\nx = { y = 1.5e3 }", "a = '''\nx'''", "a.\"b c\".d = 0xff", "a = 07:32:00", "a = inf\nb = nan"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := EvalString(context.Background(), "x", "builtins.fromTOML "+quoted(text), Options{Limits: Limits{Memory: 32 << 20}})
		checkError(t, err)
		if err == nil {
			_, err = v.JSON(context.Background())
			checkError(t, err)
		}
	})
}
