package importer

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestASignatureIsCheckedWhereTheHostHasItsKey(t *testing.T) {
	known, err := openpgp.NewEntity("Images", "", "images@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := openpgp.NewEntity("Stranger", "", "stranger@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "keys.gpg")
	var ring bytes.Buffer
	if err := known.Serialize(&ring); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, ring.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := strings.Repeat("ab", 32)
	sums := []byte(sum + "  d.qcow2\n")
	detached := func(by *openpgp.Entity, text []byte) []byte {
		var b bytes.Buffer
		if err := openpgp.DetachSign(&b, by, bytes.NewReader(text), nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	signed := func(by *openpgp.Entity) []byte {
		var b bytes.Buffer
		w, err := clearsign.Encode(&b, by.PrivateKey, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(sums)
		_ = w.Close()
		return b.Bytes()
	}
	forged := bytes.Replace(signed(known), []byte("abab"), []byte("cdab"), 1)
	for name, c := range map[string]struct {
		files  map[string][]byte
		signed string
		kind   fault.Kind
	}{
		"by nobody":             {map[string][]byte{"S": sums}, "not checked: there is no signature", fault.Internal},
		"beside it":             {map[string][]byte{"S": sums, "S.sign": detached(known, sums)}, "by Images <images@example.org>, key ", fault.Internal},
		"by a stranger":         {map[string][]byte{"S": sums, "S.gpg": detached(stranger, sums)}, "not checked: its key is not on this host", fault.Internal},
		"of another text":       {map[string][]byte{"S": sums, "S.gpg": detached(known, []byte("x"))}, "", fault.Denied},
		"in it":                 {map[string][]byte{"S": signed(known)}, "by Images", fault.Internal},
		"in it, and changed":    {map[string][]byte{"S": forged}, "", fault.Denied},
		"in it, and one behind": {map[string][]byte{"S": append(signed(known), []byte("\n"+strings.Repeat("cd", 32)+"  d.qcow2\n")...)}, "", fault.Denied},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if text, ok := c.files[strings.TrimPrefix(r.URL.Path, "/")]; ok {
				_, _ = w.Write(text)
				return
			}
			http.NotFound(w, r)
		}))
		i, err := New(Within(NewFetcher()), "")
		if err != nil {
			t.Fatal(err)
		}
		i.Keyrings = []string{keys}
		got, by, err := i.Sum(t.Context(), storage.Download{URL: server.URL + "/S", Local: true}, "d.qcow2")
		server.Close()
		if c.kind == fault.Internal && (err != nil || got != sum || !strings.HasPrefix(by, c.signed)) {
			t.Errorf("%s: %q, signed %q, %v", name, got, by, err)
		}
		if c.kind != fault.Internal && fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
