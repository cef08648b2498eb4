package store

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestKeysHaveTheShapeTheyShould(t *testing.T) {
	web := Ref{Kind: "vm", Project: DefaultProject, Name: "web"}
	for got, want := range map[string]string{
		SpecKey(web):                                   "/hv/v1/vm/default/web",
		StatusKey(web, "power"):                        "/hv/v1/vm-status/default/web/power",
		StatusPrefix(web):                              "/hv/v1/vm-status/default/web/",
		ClaimKey("disk", "default", "web-root"):        "/hv/v1/claim/disk/default/web-root",
		ClaimKey("mac", HostWide, "52:54:00:00:00:01"): "/hv/v1/claim/mac/-/52:54:00:00:00:01",
		SpecKey(Ref{"vm", "p", "a/../b c%"}):           "/hv/v1/vm/p/a%2F..%2Fb%20c%25",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := CheckPrefix(got); err != nil {
			t.Error(err)
		}
	}
	if err := CheckKey(SpecKey(Ref{"vm", "", "x"})); !errors.Is(err, fault.Invalid) {
		t.Errorf("an empty project: %v", err)
	}
	if web.String() != "vm web" || (Ref{"vm", "p", "x"}).String() != "vm p/x" {
		t.Error(web, Ref{"vm", "p", "x"})
	}
}

// Whatever a name is, its key is its own, and reads back.
func TestEveryNameHasOneKey(t *testing.T) {
	name := rapid.StringN(1, 20, 60)
	rapid.Check(t, func(t *rapid.T) {
		r := Ref{Kind: rapid.SampledFrom([]string{"vm", "volume", "operation"}).Draw(t, "kind"), Project: name.Draw(t, "project"), Name: name.Draw(t, "name")}
		if got, err := ParseSpec(SpecKey(r)); err != nil || got != r || CheckKey(SpecKey(r)) != nil {
			t.Errorf("%q reads back as %+v, %v", SpecKey(r), got, err)
		}
		writer := name.Draw(t, "writer")
		if got, w, err := ParseStatus(StatusKey(r, writer)); err != nil || got != r || w != writer || !strings.HasPrefix(StatusKey(r, writer), StatusPrefix(r)) {
			t.Errorf("%q reads back as %+v, %s, %v", StatusKey(r, writer), got, w, err)
		}
		if what, p, n, err := ParseClaim(ClaimKey(writer, r.Project, r.Name)); err != nil || what != writer || p != r.Project || n != r.Name {
			t.Errorf("%q reads back as %s %s %s, %v", ClaimKey(writer, r.Project, r.Name), what, p, n, err)
		}
	})
}

func TestWhatIsNotAKeyOfThatSortIsNotReadAsOne(t *testing.T) {
	for _, key := range []string{"", "/", "/hv/v1/vm/default", "/hv/v2/vm/default/web", "/hv/v1/vm//web", "/hv/v1/vm/default/a%2", "/hv/v1/vm/default/a%2f",
		"/hv/v1/vm/default/%41", "/hv/v1/claim/default/x", "/hv/v1/vm-status/default/x", "/hv/v1/vm/default/a%+1"} {
		if r, err := ParseSpec(key); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q is read as %+v, %v", key, r, err)
		}
	}
	if r, _, err := ParseStatus("/hv/v1/vm/default/web/power"); err == nil {
		t.Errorf("read as %+v", r)
	}
	if _, _, _, err := ParseClaim("/hv/v1/vm/default/web/power"); err == nil {
		t.Error("read as a claim")
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, s := range []string{"/hv/v1/vm/default/web", "/hv/v1/vm-status/default/web/power", "/hv/v1/claim/mac/-/52:54:00:00:00:01", "/hv/v1/vm/p/a%2Fb", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if r, err := ParseSpec(key); err == nil && SpecKey(r) != key {
			t.Errorf("%q is read as %+v, whose key is %q", key, r, SpecKey(r))
		}
		if r, w, err := ParseStatus(key); err == nil && StatusKey(r, w) != key {
			t.Errorf("%q is read as %+v %s", key, r, w)
		}
		if what, p, n, err := ParseClaim(key); err == nil && ClaimKey(what, p, n) != key {
			t.Errorf("%q is read as %s %s %s", key, what, p, n)
		}
		if CheckKey(key) == nil && len(key) > MaxKey {
			t.Errorf("a key of %d bytes passes", len(key))
		}
	})
}
