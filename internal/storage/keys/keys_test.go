//go:build linux

package keys

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const phrase = "correct horse battery"

// desk is a folder of keys that cost little to open.
func desk(t *testing.T, folder string) *Keys {
	t.Helper()
	k, err := Open(folder, &host{})
	if err != nil {
		t.Fatal(err)
	}
	k.cost = cost{1, 8}
	return k
}

// host is systemd-creds of a host.
type host struct{ gone bool }

func (h *host) SealSecret(_ context.Context, name, _ string, secret []byte) ([]byte, error) {
	return append([]byte(name+":"), bytes.ToUpper(secret)...), nil
}

func (h *host) OpenSecret(_ context.Context, name string, sealed []byte) ([]byte, error) {
	text, ok := bytes.CutPrefix(sealed, []byte(name+":"))
	if h.gone || !ok {
		return nil, fault.New(fault.Unavailable, "the TPM is another one")
	}
	return text, nil
}

func key(name string, spec storage.KeySpec) storage.Key {
	return storage.Key{Metadata: model.Metadata{Name: name}, Spec: spec, Secret: 1}
}

func makeKey(t *testing.T, k *Keys, name string, spec storage.KeySpec, passphrase string) {
	t.Helper()
	if made, err := k.Make(t.Context(), name, spec, passphrase); err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAKeyIsOpenedByWhatSealsItAndByNothingElse(t *testing.T) {
	dir := t.TempDir()
	k := desk(t, dir)
	makeKey(t, k, "house", storage.KeySpec{}, phrase)
	want, err := k.Secret(t.Context(), "house")
	must(t, err)
	for _, file := range []string{"house.json"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		must(t, err)
		if bytes.Contains(text, []byte(want)) || bytes.Contains(text, []byte(phrase)) {
			t.Error("a secret lies in clear")
		}
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
	k = desk(t, dir) // the daemon has started again
	st, err := k.Reach(t.Context(), key("house", storage.KeySpec{}), true)
	if err != nil || st.State != storage.KeyLocked {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := k.Secret(t.Context(), "house"); fault.CodeOf(err) != "HV-KEY-002" || !strings.Contains(fault.HintOf(err), "hv key unlock house") {
		t.Errorf("locked: %v", err)
	}
	if err := k.Unlock(t.Context(), "house", "another phrase"); fault.CodeOf(err) != "HV-KEY-006" || strings.Contains(err.Error(), "another phrase") {
		t.Errorf("wrong: %v", err)
	}
	must(t, k.Unlock(t.Context(), "house", phrase))
	if got, err := k.Secret(t.Context(), "house"); got != want || err != nil {
		t.Errorf("it is another secret: %v", err)
	}
	k.Lock("house")
	if _, err := k.Secret(t.Context(), "house"); fault.CodeOf(err) != "HV-KEY-002" {
		t.Errorf("locked again: %v", err)
	}
}

func TestANewPassphraseIsTheOnlyOne(t *testing.T) {
	dir := t.TempDir()
	k := desk(t, dir)
	makeKey(t, k, "house", storage.KeySpec{}, phrase)
	want, _ := k.Secret(t.Context(), "house")
	must(t, k.Reseal(t.Context(), "house", "a new passphrase"))
	k = desk(t, dir)
	_, err := k.Reach(t.Context(), key("house", storage.KeySpec{}), true)
	must(t, err)
	if err := k.Unlock(t.Context(), "house", phrase); fault.CodeOf(err) != "HV-KEY-006" {
		t.Errorf("the old one opens it: %v", err)
	}
	must(t, k.Unlock(t.Context(), "house", "a new passphrase"))
	if got, _ := k.Secret(t.Context(), "house"); got != want {
		t.Error("it is another secret")
	}
}

func TestAFileThatIsGoneIsALostKeyAndIsNeverMadeAnew(t *testing.T) {
	dir := t.TempDir()
	k := desk(t, dir)
	makeKey(t, k, "house", storage.KeySpec{}, phrase)
	must(t, os.Remove(filepath.Join(dir, "house.json")))
	k = desk(t, dir)
	st, err := k.Reach(t.Context(), key("house", storage.KeySpec{}), true)
	if err != nil || st.State != storage.KeyLost || st.Hint == "" {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := k.Secret(t.Context(), "house"); fault.CodeOf(err) != "HV-KEY-003" {
		t.Errorf("%v", err)
	}
	if st, err := k.Reach(t.Context(), key("new", storage.KeySpec{}), false); err != nil || st.State != storage.KeyUnmade {
		t.Errorf("one that was never made: %+v, %v", st, err)
	}
}

func TestADamagedOrExchangedFileIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	k := desk(t, dir)
	makeKey(t, k, "house", storage.KeySpec{}, phrase)
	makeKey(t, k, "yard", storage.KeySpec{}, phrase)
	text, err := os.ReadFile(filepath.Join(dir, "house.json"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "yard.json"), bytes.ReplaceAll(text, []byte(`"house"`), []byte(`"yard"`)), 0o600))
	k = desk(t, dir)
	_, err = k.Reach(t.Context(), key("yard", storage.KeySpec{}), true)
	must(t, err)
	if err := k.Unlock(t.Context(), "yard", phrase); fault.CodeOf(err) != "HV-KEY-006" {
		t.Errorf("the file of another key: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "yard.json"), text[:len(text)/2], 0o600))
	if st, _ := k.Reach(t.Context(), key("yard", storage.KeySpec{}), true); st.State != storage.KeyLost {
		t.Errorf("half a file: %+v", st)
	}
}

func TestAHostOpensItsKeysByItself(t *testing.T) {
	dir, spec := t.TempDir(), storage.KeySpec{Kind: storage.CredsKey}
	k := desk(t, dir)
	k.creds = upper{}
	makeKey(t, k, "house", spec, "")
	want, _ := k.Secret(t.Context(), "house")
	k = desk(t, dir)
	k.creds = upper{}
	if st, err := k.Reach(t.Context(), key("house", spec), true); err != nil || st.State != storage.KeyUnlocked {
		t.Errorf("%+v, %v", st, err)
	}
	if got, err := k.Secret(t.Context(), "house"); got != want || err != nil {
		t.Errorf("%v", err)
	}
	k = desk(t, dir)
	k.creds = &host{gone: true}
	if st, err := k.Reach(t.Context(), key("house", spec), true); err == nil || st.State != storage.KeyLocked || !strings.Contains(st.Problem, "TPM is another") {
		t.Errorf("on another host: %+v, %v", st, err)
	}
}

// upper seals by nothing at all.
type upper struct{}

func (upper) SealSecret(_ context.Context, _, _ string, secret []byte) ([]byte, error) {
	return secret, nil
}
func (upper) OpenSecret(_ context.Context, _ string, sealed []byte) ([]byte, error) {
	return sealed, nil
}

func program(t *testing.T, text string) storage.KeySpec {
	t.Helper()
	at := filepath.Join(t.TempDir(), "print")
	must(t, os.WriteFile(at, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
	return storage.KeySpec{Kind: storage.CommandKey, Command: []string{at, "house"}}
}

func TestAProgramOpensAKey(t *testing.T) {
	dir, spec := t.TempDir(), program(t, `echo "secret-of-$1-in-the-vault"`)
	k := desk(t, dir)
	makeKey(t, k, "house", spec, "")
	want, _ := k.Secret(t.Context(), "house")
	k = desk(t, dir)
	if st, err := k.Reach(t.Context(), key("house", spec), true); err != nil || st.State != storage.KeyUnlocked {
		t.Errorf("%+v, %v", st, err)
	}
	if got, _ := k.Secret(t.Context(), "house"); got != want {
		t.Error("it is another secret")
	}
	for name, text := range map[string]string{
		"fails":        "echo words-of-the-secret >&2; exit 3",
		"short":        "echo short",
		"prints a lot": "head -c 100000 /dev/zero",
		"is wrong":     "echo another-secret-altogether",
	} {
		k := desk(t, dir)
		st, err := k.Reach(t.Context(), key("house", program(t, text)), true)
		if err == nil || st.State != storage.KeyLocked || st.Hint == "" || strings.Contains(st.Problem, "words-of") {
			t.Errorf("one that %s: %+v, %v", name, st, err)
		}
	}
}

func TestASecretTurnsAndAnyCrashLeavesOneThatOpensEverything(t *testing.T) {
	dir := t.TempDir()
	k := desk(t, dir)
	makeKey(t, k, "house", storage.KeySpec{}, phrase)
	first, _ := k.Secret(t.Context(), "house")
	again := func() { // the daemon has ended here, and started again
		k = desk(t, dir)
		_, err := k.Reach(t.Context(), key("house", storage.KeySpec{}), true)
		must(t, err)
		must(t, k.Unlock(t.Context(), "house", phrase))
	}
	current, next, past, err := k.Begin(t.Context(), "house", 2)
	if err != nil || current != first || next == "" || len(past) > 0 {
		t.Fatalf("%v", err)
	}
	again()
	if now, same, _, err := k.Begin(t.Context(), "house", 2); err != nil || same != next || now != first {
		t.Errorf("begun twice: %v", err)
	}
	must(t, k.Switch("house"))
	again()
	if now, _ := k.Secret(t.Context(), "house"); now != next {
		t.Error("it was not switched")
	}
	_, none, past, err := k.Begin(t.Context(), "house", 2)
	if err != nil || none != "" || len(past) != 1 || past[0] != first {
		t.Errorf("after the switch: %v", err)
	}
	must(t, k.End("house"))
	again()
	if end, more, past, _ := k.Begin(t.Context(), "house", 2); end != next || len(past) > 0 || more != "" {
		t.Error("it has not ended")
	}
	must(t, k.Leave("house"))
	if names, err := k.Names(); len(names) > 0 || err != nil {
		t.Errorf("left %v, %v", names, err)
	}
}

func FuzzSealed(f *testing.F) {
	dir := f.TempDir()
	f.Add([]byte(`{"form":1,"key":"house","kind":"passphrase","argon2id":{"time":1,"memory":8,"threads":1,"salt":"AAAAAAAAAAAAAA=="},"nonce":"","box":""}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k := &Keys{folder: dir}
		if err := os.WriteFile(k.path("house"), text, 0o600); err != nil {
			t.Skip()
		}
		if s, err := k.read("house"); err == nil {
			_, _ = s.open(make([]byte, 32))
		}
	})
}

func TestAProgramThatTakesTooLongLeavesNothingThatItHasStarted(t *testing.T) {
	at := filepath.Join(t.TempDir(), "child")
	spec := program(t, "sleep 300 & echo $! >"+at+".new; mv "+at+".new "+at+"; wait")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for {
			if _, err := os.Stat(at); err == nil || t.Context().Err() != nil {
				return
			}
			runtime.Gosched()
		}
	}()
	if _, err := printed(ctx, spec.Command); fault.CodeOf(err) != "HV-KEY-007" {
		t.Errorf("%v", err)
	}
	pid, err := os.ReadFile(at)
	must(t, err)
	for { // it is killed by now, and is gone when the kernel has come round to it
		stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(pid)), "stat"))
		if err != nil || bytes.Contains(stat, []byte(") Z")) {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("its child runs on")
		}
		runtime.Gosched()
	}
}

func TestAKeyThatIsRemovedLeavesNoDamagedFileBehind(t *testing.T) {
	dir := t.TempDir()
	k := desk(t, dir)
	makeKey(t, k, "house", storage.KeySpec{}, phrase)
	at := filepath.Join(dir, "house.json")
	text, err := os.ReadFile(at)
	must(t, err)
	must(t, os.WriteFile(at, text[1:], 0o600)) // whoever puts the brace back can open it
	k = desk(t, dir)
	must(t, k.Renew(t.Context(), "house", storage.KeySpec{}, phrase, 2))
	must(t, k.Leave("house"))
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
