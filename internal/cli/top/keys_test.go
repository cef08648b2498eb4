package top

import (
	"slices"
	"testing"
)

func TestKeysAreReadAsTerminalsSendThem(t *testing.T) {
	for text, want := range map[string][]key{
		"q": {quit}, "\x03": {quit}, "\x1b[C\x1b[D": {next, previous}, "\x1bOA": {up}, "jk": {down, up}, "x<>": {previous, next},
		"\x1b": nil, "\x1b[": nil, "\x1b[Zq": {quit}, "": nil,
	} {
		if got := keysIn([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q is %v, not %v", text, got, want)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[Aq"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got := keysIn(text); len(got) > len(text) {
			t.Errorf("%d keys in %d bytes", len(got), len(text))
		}
	})
}

func TestSizesHaveThreeDigits(t *testing.T) {
	for n, want := range map[float64]string{0: "0B", 512: "512B", 1536: "1.5KiB", 200 << 20: "200MiB", 3 << 40: "3.0TiB"} {
		if got := size(n); got != want {
			t.Errorf("%v is %s, not %s", n, got, want)
		}
	}
}
