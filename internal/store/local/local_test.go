package local

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir)
	}
	if dir := os.Getenv(smallDiskDir); dir != "" {
		os.Exit(onSmallDisk(dir))
	}
	if dir := os.Getenv(poweredDir); dir != "" {
		os.Exit(powered(dir))
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestThePromisesOfAStore(t *testing.T) {
	storetest.Run(t, storetest.Backend{
		Open: func(t testing.TB) store.Store { return open(t, filepath.Join(t.TempDir(), "store"), Options{}) },
		Reopen: func(t testing.TB, s store.Store) store.Store {
			old, ok := s.(*Store)
			if !ok {
				t.Fatalf("it is a %T", s)
			}
			dir := filepath.Dir(old.path)
			shut(t, old)
			return open(t, dir, Options{})
		},
		FakeTime: true,
	})
}
