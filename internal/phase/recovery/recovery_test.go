package recovery

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func some(t *rapid.T) Key {
	var r [Random]byte
	copy(r[:], rapid.SliceOfN(rapid.Byte(), Random, Random).Draw(t, "random"))
	return New(r)
}

func TestAKeyIsReadAsItIsShownAndAsPeopleTypeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := some(t)
		text := k.Text()
		if len(text) != 7*5+6 || strings.Trim(text, alphabet+"-") != "" {
			t.Fatalf("%q", text)
		}
		for _, typed := range []string{
			text, strings.ToLower(text), strings.ReplaceAll(text, "-", " "), strings.ReplaceAll(text, "-", ""), " " + text + "\n",
			strings.ReplaceAll(strings.ReplaceAll(text, "0", "O"), "1", "l"),
		} {
			got, err := Parse(typed)
			if err != nil || got != k {
				t.Fatalf("%q: %v", typed, err)
			}
		}
	})
}

func TestAKeyHasAtLeast128Bits(t *testing.T) {
	if bits := Random * 5; bits < 128 {
		t.Errorf("%d bits", bits)
	}
	seen := map[byte]bool{}
	for i := range 256 {
		var r [Random]byte
		r[0] = byte(i)
		seen[New(r).signs[0]] = true
	}
	if len(seen) != len(alphabet) {
		t.Errorf("%d of %d signs", len(seen), len(alphabet))
	}
}

func TestAMistypedGroupIsFoundAndNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(some(t).Text(), "-", "")
		i := rapid.IntRange(0, len(text)-1).Draw(t, "place")
		typed := []byte(text)
		switch other := rapid.IntRange(0, len(text)-1).Draw(t, "other"); {
		case rapid.Bool().Draw(t, "swap") && other/5 == i/5 && typed[i] != typed[other]: // within a group
			typed[i], typed[other] = typed[other], typed[i]
		default:
			typed[i] = alphabet[(strings.IndexByte(alphabet, typed[i])+1+rapid.IntRange(0, 30).Draw(t, "by"))%32]
		}
		_, err := Parse(string(typed))
		if err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "the "+ordinals[i/5]+" group") {
			t.Fatalf("%s for %s: %v", typed, text, err)
		}
		if strings.Contains(err.Error(), string(typed[i/5*5:i/5*5+5])) {
			t.Fatalf("the error tells of the key: %v", err)
		}
	})
}

func TestGroupsThatChangedPlacesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := strings.Split(some(t).Text(), "-")
		i, j := rapid.IntRange(0, 6).Draw(t, "i"), rapid.IntRange(0, 6).Draw(t, "j")
		if i == j {
			return
		}
		g[i], g[j] = g[j], g[i]
		if _, err := Parse(strings.Join(g, "-")); err == nil {
			t.Fatalf("groups %d and %d of %v", i, j, g)
		}
	})
}

func TestWhatIsNoKeyIsRefusedAndNotRepeated(t *testing.T) {
	for _, text := range []string{"", "-", "ABCDE", "secret-secret-secret", strings.Repeat("0", 36), strings.Repeat("0", 1<<20), "ключ", strings.Repeat("U", 35), "\x00"} {
		_, err := Parse(text)
		if fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != CodeKey {
			t.Errorf("%.20q: %v", text, err)
		}
		if len(text) > 5 && strings.Contains(err.Error(), text[:6]) {
			t.Errorf("the error repeats what was typed: %v", err)
		}
	}
}

func TestAKeyIsNotPrintedByAccident(t *testing.T) {
	k := New([Random]byte{1, 2, 3})
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, k); strings.Contains(got, "1") || got != "(a recovery key)" {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestAHashMatchesItsKeyAndNoOther(t *testing.T) {
	a, b := New([Random]byte{1}), New([Random]byte{2})
	h := HashOf(a, [SaltBytes]byte{7})
	if !h.Matches(a) || h.Matches(b) || h.Matches(Key{}) || Hash("").Matches(a) {
		t.Error("a hash does not tell keys apart")
	}
	if h == HashOf(a, [SaltBytes]byte{8}) || h.ID() == HashOf(a, [SaltBytes]byte{8}).ID() {
		t.Error("the salt makes no difference")
	}
	if strings.Contains(string(h), strings.ReplaceAll(a.Text(), "-", "")) {
		t.Error("the hash holds the key")
	}
	got, err := ParseHash(string(h))
	if err != nil || got != h {
		t.Errorf("%v %v", got, err)
	}
}

func TestOnlyOneFormOfAHashIsTaken(t *testing.T) {
	h := string(HashOf(New([Random]byte{1}), [SaltBytes]byte{7}))
	for _, text := range []string{
		"", "x", h + "=", h + "\n", h[:len(h)-1], strings.Replace(h, "m=19456", "m=4194304", 1), strings.Replace(h, "t=2", "t=999999", 1),
		strings.Replace(h, "argon2id", "argon2i", 1), strings.Replace(h, "$v=19", "", 1), h + "$", strings.Repeat("$", 99), strings.Replace(h, "p=1$", "p=1$$", 1),
	} {
		if _, err := ParseHash(text); fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != CodeKey {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(New([Random]byte{1, 2, 3}).Text())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(k.Text()); err != nil || again != k {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzParseHash(f *testing.F) {
	f.Add(string(HashOf(New([Random]byte{1}), [SaltBytes]byte{7})))
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHash(text)
		if err == nil && (string(h) != text || len(h) != len(scheme)+22+1+43) {
			t.Errorf("%q", text)
		}
	})
}
