package sealing

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var fields = Fields{"cloudInit": {"passwordHash", "userData"}, "": {"packed"}}

const (
	web    = store.Root + "vm/default/web"
	inText = `{"name":"web","spec":{"cloudInit":{"user":"me","passwordHash":"$6$salt$Zm9v","userData":"#!/bin/sh\n: \"GEHEIM\""},"labels":{"passwordHash":"no secret"}}}`
)

func opened(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := tryOpen(t, dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryOpen(t testing.TB, dir string, anew bool) (*Store, error) {
	t.Helper()
	beneath, err := local.Open(filepath.Join(dir, "store"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), beneath, filepath.Join(dir, "store.key"), fields, anew)
	if err != nil {
		if err := beneath.Close(); err != nil {
			t.Error(err)
		}
		return nil, err
	}
	t.Cleanup(func() { shut(t, s) })
	return s, nil
}

func shut(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s store.Store, key, value string) {
	t.Helper()
	if _, err := s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp(key, []byte(value), 0)}}); err != nil {
		t.Fatal(err)
	}
}

func got(t testing.TB, s store.Store, key string) string {
	t.Helper()
	kv, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(kv.Value)
}

// onDisk is everything in the files of the store.
func onDisk(t testing.TB, dir string) string {
	t.Helper()
	var all bytes.Buffer
	files, _ := filepath.Glob(filepath.Join(dir, "store", "*"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func TestTheStoreKeepsEveryPromiseOfTheOneBeneath(t *testing.T) {
	folders := map[store.Store]string{}
	open := func(t testing.TB, dir string) store.Store {
		s := opened(t, dir)
		folders[s] = dir
		return s
	}
	storetest.Run(t, storetest.Backend{
		Open: func(t testing.TB) store.Store { return open(t, t.TempDir()) },
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, folders[s])
		},
		FakeTime: true,
	})
}

func TestASecretLiesInNoFileOfTheStore(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	w, err := s.Watch(t.Context(), store.Root, 0)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, web, inText)
	if text := got(t, s, web); text != inText {
		t.Errorf("read as %s", text)
	}
	page, err := s.List(t.Context(), store.Root, store.ListOptions{})
	if err != nil || string(page.KVs[0].Value) != inText {
		t.Errorf("listed as %s, %v", page.KVs[0].Value, err)
	}
	if batch := <-w.Events(); string(batch.Events[0].KV.Value) != inText {
		t.Errorf("watched as %s", batch.Events[0].KV.Value)
	}
	put(t, s, web, `{}`)
	if batch := <-w.Events(); string(batch.Events[0].Prev.Value) != inText {
		t.Errorf("it was %s", batch.Events[0].Prev.Value)
	}
	text := onDisk(t, dir)
	for _, secret := range []string{"GEHEIM", "$6$salt"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s lies on the disk in clear", secret)
		}
	}
	if !strings.Contains(text, "no secret") {
		t.Error("what is no secret is sealed too: whoever loses the key loses VMs")
	}
	info, err := os.Stat(filepath.Join(dir, "store.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
}

func TestWhatAnEarlierBuildLeftInClearIsSealedWithItsHistory(t *testing.T) {
	dir := t.TempDir()
	before, err := local.Open(filepath.Join(dir, "store"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, before, web, strings.Replace(inText, "GEHEIM", "FRUEHER", 1))
	put(t, before, web, inText)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	s := opened(t, dir)
	if text := got(t, s, web); text != inText {
		t.Errorf("read as %s", text)
	}
	kv, err := s.Store.Get(t.Context(), web)
	if err != nil || bytes.Contains(kv.Value, []byte("GEHEIM")) {
		t.Errorf("it lies there as %s, %v", kv.Value, err)
	}
	if _, err := s.List(t.Context(), store.Root, store.ListOptions{Revision: 1}); !errors.Is(err, fault.Precondition) {
		t.Errorf("the history that has it in clear is still there: %v", err)
	}
	shut(t, s)
	text := onDisk(t, dir)
	for _, secret := range []string{"GEHEIM", "FRUEHER", "$6$salt"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s lies in a free page of the file in clear", secret)
		}
	}
	if text := got(t, opened(t, dir), web); text != inText {
		t.Errorf("read later as %s", text)
	}
}

func TestWhoIsCutOffBeforeTheHistoryIsGoneHasItGoAtTheNextStart(t *testing.T) {
	for name, whole := range map[string]bool{"at the first start": false, "of a store that was put back": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			key := filepath.Join(dir, "store.key")
			if whole {
				shut(t, opened(t, dir))
			}
			before, err := local.Open(filepath.Join(dir, "store"), local.Options{})
			if err != nil {
				t.Fatal(err)
			}
			put(t, before, web, inText)
			if _, err := Open(t.Context(), unscrubbed{before}, key, fields, whole); err != nil {
				t.Fatal(err)
			}
			if err := before.Close(); err != nil {
				t.Fatal(err)
			}
			shut(t, opened(t, dir))
			if strings.Contains(onDisk(t, dir), "GEHEIM") {
				t.Error("it lies there in clear for ever")
			}
		})
	}
}

// unscrubbed ends before the past is gone.
type unscrubbed struct{ store.Store }

func (unscrubbed) Scrub(context.Context) error { return errors.New("cut off") }

func TestALostKeyIsToldAndNothingIsChanged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.key")
	s := opened(t, dir)
	put(t, s, web, inText)
	shut(t, s)
	kept, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = tryOpen(t, dir, false)
	if fault.CodeOf(err) != CodeNoKey || !strings.Contains(err.Error(), "vm web") || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("another key was made: nobody would look for the lost one")
	}
	if err := os.WriteFile(path, []byte(`{"form":1,"secret":"`+strings.Repeat("A", 43)+`="}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = tryOpen(t, dir, false); fault.CodeOf(err) != CodeNoKey || !strings.Contains(err.Error(), "is not the key") {
		t.Errorf("got %v", err)
	}
	for _, spoilt := range []string{"", "{", `{"form":1,"secret":"AAAA"}`, `{"form":2}`} {
		if err := os.WriteFile(path, []byte(spoilt), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err = tryOpen(t, dir, false); fault.CodeOf(err) != CodeNoKey {
			t.Errorf("a key's file with %q: %v", spoilt, err)
		}
	}
	if err := os.WriteFile(path, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if text := got(t, opened(t, dir), web); text != inText {
		t.Errorf("with its key again it is %s", text)
	}
}

func TestAStoreThatWasPutBackIsLookedThrough(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	put(t, s, web, inText)
	shut(t, s)
	if err := os.WriteFile(filepath.Join(dir, "store.key"), []byte(`{"form":1,"secret":"`+strings.Repeat("A", 43)+`=","whole":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tryOpen(t, dir, true); fault.CodeOf(err) != CodeNoKey {
		t.Errorf("got %v", err)
	}
}

func TestForgettingTakesTheSecretsAndLeavesTheRest(t *testing.T) {
	dir := t.TempDir()
	const (
		big   = store.Root + "config/-/host"
		plain = store.Root + "vm/default/plain"
	)
	s := opened(t, dir)
	put(t, s, web, inText)
	put(t, s, big, `{"generation":3,"packed":"`+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0, 1, 2, 253}, 999))+`"}`)
	put(t, s, plain, `{"name":"plain"}`)
	shut(t, s)
	if err := os.Remove(filepath.Join(dir, "store.key")); err != nil {
		t.Fatal(err)
	}
	forget := func(really bool) []string {
		beneath, err := local.Open(filepath.Join(dir, "store"), local.Options{})
		if err != nil {
			t.Fatal(err)
		}
		keys, err := Forget(t.Context(), beneath, filepath.Join(dir, "store.key"), fields, really)
		if err := errors.Join(err, beneath.Close()); err != nil {
			t.Fatal(err)
		}
		return Objects(keys)
	}
	if of := strings.Join(forget(false), ","); of != "config -/host,vm web" {
		t.Errorf("it would forget those of %s", of)
	}
	if of := strings.Join(forget(true), ","); of != "config -/host,vm web" {
		t.Errorf("it forgot those of %s", of)
	}
	again := opened(t, dir)
	want := `{"name":"web","spec":{"cloudInit":{"user":"me","passwordHash":"","userData":""},"labels":{"passwordHash":"no secret"}}}`
	if text := got(t, again, web); text != want {
		t.Errorf("what is left is %s", text)
	}
	if _, err := again.Get(t.Context(), big); !errors.Is(err, fault.NotFound) {
		t.Errorf("what is nothing without its secret is still there: %v", err)
	}
	if text := got(t, again, plain); text != `{"name":"plain"}` {
		t.Errorf("what had no secret is %s", text)
	}
}

func TestABoxOpensOnlyWhereItWasMade(t *testing.T) {
	s := opened(t, t.TempDir())
	put(t, s, web, inText)
	kv, err := s.Store.Get(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	const other = store.Root + "vm/default/other"
	put(t, s.Store, other, string(kv.Value))
	if _, err := s.Get(t.Context(), other); fault.CodeOf(err) != CodeNoKey {
		t.Errorf("another VM's secret is read: %v", err)
	}
}

// What a user writes into a field that is no secret, or that looks like a box, stays what it is.
func TestWordsThatLookLikeABoxAreWords(t *testing.T) {
	s := opened(t, t.TempDir())
	for _, text := range []string{
		`{"description":"sealed:1:0011aabb:t:AAAA","spec":{"cloudInit":{"userData":"sealed:1:0011aabb:t:AAAA"}}}`,
		`{"description":"say \"sealed:1:0011aabb:t:AAAA\"","spec":{"cloudInit":{"userData":"\\\"sealed:1:"}}}`,
		`{"cloudInit":true,"userData":"x"}`, `{"cloudInit":{"cloudInit":{"userData":"x"},"userData":["x",{"userData":"y"}]}}`,
		`{"cloudInit":{"userData":"`, `{"cloudInit":{"userData":`, `}}]]"`, `"cloudInit"`, strings.Repeat("[", 100) + `"cloudInit"`,
	} {
		put(t, s, web, text)
		if back := got(t, s, web); back != text {
			t.Errorf("%s\nis read as\n%s", text, back)
		}
	}
}

func FuzzWhatIsSealedIsReadAsItWas(f *testing.F) {
	f.Add([]byte(inText))
	f.Add([]byte(`{"packed":"AAAA","cloudInit":{"userData":"\u0000\"","x":[{"cloudInit":{"passwordHash":"a"}}]}}`))
	k := &key{Form: form, Secret: bytes.Repeat([]byte{7}, secretLen)}
	b := newBox(k)
	f.Fuzz(func(t *testing.T, value []byte) {
		sealed, changed := fields.seal("key", value, b)
		if !changed && !bytes.Equal(sealed, value) {
			t.Fatal("it was changed, and is said not to be")
		}
		back, err := fields.open("key", sealed, b)
		if changed && (err != nil || !bytes.Equal(back, value)) {
			t.Fatalf("%s\nis read as\n%s\n%v", value, back, err)
		}
		if json.Valid(value) != json.Valid(sealed) {
			t.Fatalf("%s\nis sealed as\n%s", value, sealed)
		}
	})
}

func BenchmarkAValueWithASecret(b *testing.B) {
	box := newBox(&key{Form: form, Secret: bytes.Repeat([]byte{7}, secretLen)})
	sealed, _ := fields.seal("key", []byte(inText), box)
	for b.Loop() {
		if _, err := fields.open("key", sealed, box); err != nil {
			b.Fatal(err)
		}
	}
}
