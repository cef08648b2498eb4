package model

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for in, want := range map[string]Bytes{
		`"2GiB"`: 2 * GiB, `"2G"`: 2 * GiB, `"2g"`: 2 * GiB, `"512 MiB"`: 512 * MiB, `"1.5GiB"`: 1536 * MiB,
		`1024`: KiB, `"17"`: 17, `"17B"`: 17, `"1T"`: TiB, `"0"`: 0,
	} {
		var b Bytes
		if err := json.Unmarshal([]byte(in), &b); err != nil || b != want {
			t.Errorf("%s = %d, %v; want %d", in, b, err, want)
		}
	}
	for _, in := range []string{`"2GB"`, `"-1G"`, `""`, `"x"`, `"9999999999TiB"`, `"1e3"`, `"0x10"`, `"inf"`, `"nan"`, `1.5`, `true`, `"1.0001KiB"`} {
		var b Bytes
		if err := json.Unmarshal([]byte(in), &b); err == nil {
			t.Errorf("%s was read as %d", in, b)
		}
	}
}

func TestSizesArePrintedInTheLargestUnit(t *testing.T) {
	for b, want := range map[Bytes]string{2 * GiB: "2GiB", 1536 * MiB: "1.5GiB", 17: "17B", 0: "0B", KiB: "1KiB", 1025: "1KiB", GiB + 256*MiB: "1.25GiB"} {
		if got := b.String(); got != want {
			t.Errorf("%d prints as %q, want %q", int64(b), got, want)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"2GiB", "1.5G", "-", "9e9", "1KiBMiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBytes(s)
		if err == nil && b < 0 {
			t.Errorf("%q was read as %d", s, b)
		}
	})
}

func TestNamesAreDNSLabels(t *testing.T) {
	for _, ok := range []string{"a", "web", "web-1", "0", strings.Repeat("a", 63)} {
		if err := CheckName("vm name", ok); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "-a", "a-", "A", "a.b", "a_b", "a/b", strings.Repeat("a", 64), "ä", "a\n"} {
		if CheckName("vm name", bad) == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestLabels(t *testing.T) {
	if errs := CheckLabels(map[string]string{"tier": "web", "example.org/role": "", "a": "1.2_3-x"}); errs != nil {
		t.Error(errs)
	}
	if errs := CheckLabels(map[string]string{"": "x", "a b": "y", "ok": "a,b"}); len(errs) != 3 {
		t.Errorf("want each bad label told, got %v", errs)
	}
}
