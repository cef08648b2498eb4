package local

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

func open(t testing.TB, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSmoke(t *testing.T) {
	s := open(t, t.TempDir()+"/s", Options{})
	r, err := s.Commit(t.Context(), store.Txn{If: []store.Cmp{store.Absent("/a/b")}, Then: []store.Op{store.PutOp("/a/b", []byte("x"), 0)}})
	t.Log(r, err)
	_, err = s.Commit(t.Context(), store.Txn{If: []store.Cmp{store.Absent("/a/b")}, Then: []store.Op{store.PutOp("/a/b", []byte("x"), 0)}})
	t.Log(err)
	kv, err := s.Get(t.Context(), "/a/b")
	t.Log(kv, err)
}
