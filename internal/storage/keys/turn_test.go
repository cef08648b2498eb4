//go:build linux

package keys

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// slow is a program that prints what it is told, and how often it has run.
type slow struct {
	t          *testing.T
	fifo, runs string
	spec       storage.KeySpec
}

func newSlow(t *testing.T) slow {
	t.Helper()
	s := slow{t: t, fifo: filepath.Join(t.TempDir(), "fifo"), runs: filepath.Join(t.TempDir(), "runs")}
	must(t, unix.Mkfifo(s.fifo, 0o600))
	s.spec = program(t, "echo run >> "+s.runs+"; read line < "+s.fifo+"; echo $line")
	return s
}

// answers has it print, once it runs.
func (s slow) answers() {
	s.t.Helper()
	f, err := os.OpenFile(s.fifo, os.O_WRONLY, 0) // until somebody reads
	must(s.t, err)
	_, err = f.WriteString("the-secret-of-the-vault\n")
	must(s.t, errors.Join(err, f.Close()))
}

func (s slow) ran() int {
	text, _ := os.ReadFile(s.runs)
	return bytes.Count(text, []byte("run"))
}

// sealedSlowly is a vault that opens slowly and a house that is open, after a start of the daemon.
func sealedSlowly(t *testing.T) (*Keys, slow) {
	t.Helper()
	dir, s := t.TempDir(), newSlow(t)
	k := desk(t, dir)
	go s.answers()
	makeKey(t, k, "vault", s.spec, "")
	makeKey(t, k, "house", storage.KeySpec{}, phrase)
	k = desk(t, dir)
	k.Know(key("vault", s.spec))
	k.Know(key("house", storage.KeySpec{}))
	must(t, k.Unlock(t.Context(), "house", phrase))
	return k, s
}

// waiting has so many wait for the vault that is being opened.
func (k *Keys) waiting(t *testing.T, n int) {
	t.Helper()
	for {
		k.mu.Lock()
		o := k.of("vault").opening
		there := n == 0 && o == nil || o != nil && o.waiting == n
		k.mu.Unlock()
		if there {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("in vain")
		}
		runtime.Gosched()
	}
}

func TestASlowKeyHoldsUpNoOtherAndIsOpenedOnceForAll(t *testing.T) {
	k, s := sealedSlowly(t)
	type got struct {
		secret string
		err    error
	}
	const n = 3
	all := make(chan got, n)
	for range n {
		go func() {
			secret, err := k.Secret(t.Context(), "vault")
			all <- got{secret, err}
		}()
	}
	k.waiting(t, n)
	if _, err := k.Secret(t.Context(), "house"); err != nil {
		t.Error(err)
	}
	must(t, k.Reseal(t.Context(), "house", "another passphrase"))
	if st, err := k.Reach(t.Context(), key("house", storage.KeySpec{}), true); err != nil || st.State != storage.KeyUnlocked {
		t.Errorf("%+v, %v", st, err)
	}
	k.Lock("house")
	s.answers()
	for range n {
		if g := <-all; g.err != nil || g.secret == "" {
			t.Error(g.err)
		}
	}
	if s.ran() != 2 { // as it was made, and now
		t.Errorf("it ran %d times", s.ran())
	}
}

func TestWhoStopsWaitingForAKeyIsFreeAndTheLastOneEndsItsProgram(t *testing.T) {
	k, s := sealedSlowly(t)
	first, leave := context.WithCancel(t.Context())
	second, end := context.WithCancel(t.Context())
	errs := make(chan error)
	for _, ctx := range []context.Context{first, second} {
		go func() {
			_, err := k.Secret(ctx, "vault")
			errs <- err
		}()
	}
	k.waiting(t, 2)
	leave()
	if err := <-errs; fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	k.waiting(t, 1) // it goes on for the other
	end()
	if err := <-errs; fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	release, err := k.hold(t.Context(), "vault") // when its program is gone
	must(t, err)
	release()
	k.waiting(t, 0)
	done := make(chan error) // and is begun anew by who comes then
	go func() {
		_, err := k.Secret(t.Context(), "vault")
		done <- err
	}()
	k.waiting(t, 1)
	s.answers()
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() { done <- k.Leave("vault") }()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAKeyThatIsLetGoOfIsWaitedForNoLonger(t *testing.T) {
	k, _ := sealedSlowly(t)
	done := make(chan error)
	go func() {
		_, err := k.Secret(t.Context(), "vault")
		done <- err
	}()
	k.waiting(t, 1)
	must(t, k.Leave("vault"))
	if err := <-done; err == nil {
		t.Error("it was opened")
	}
}
