package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// pages is a Reader of fixed keys, two to a page.
type pages []KV

func (p pages) Get(_ context.Context, key string) (KV, error) {
	for _, kv := range p {
		if kv.Key == key {
			return kv, nil
		}
	}
	return KV{}, fault.New(fault.NotFound, "there is no %s", key)
}

func (p pages) List(_ context.Context, _ string, opt ListOptions) (Page, error) {
	page := Page{Revision: 9}
	for _, kv := range p {
		if kv.Key > opt.After {
			page.KVs = append(page.KVs, kv)
		}
	}
	if opt.After != "" && opt.Revision != 9 {
		return Page{}, fmt.Errorf("a later page is asked at revision %d", opt.Revision)
	}
	if page.More = len(page.KVs) > 2; page.More {
		page.KVs = page.KVs[:2]
	}
	return page, nil
}

func (p pages) Revision(context.Context) (int64, error) { return 9, nil }

type thing struct {
	N int `json:"n"`
}

func TestObjectsAreReadStrictly(t *testing.T) {
	s := pages{{Key: "/a", Value: []byte(`{"n":1}`), ModRevision: 4}, {Key: "/b", Value: []byte(`{"m":1}`)}, {Key: "/c", Value: []byte(`{"n":1} 2`)}, {Key: "/d"}}
	if v, kv, err := Get[thing](t.Context(), s, "/a"); err != nil || v.N != 1 || kv.ModRevision != 4 {
		t.Errorf("got %+v, %+v, %v", v, kv, err)
	}
	for key, want := range map[string]string{"/b": `unknown field "m"`, "/c": "more after the value", "/d": "EOF"} {
		_, _, err := Get[thing](t.Context(), s, key)
		if !errors.Is(err, fault.Unreadable) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, _, err := Get[thing](t.Context(), s, "/e"); !errors.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
}

func TestOneBadObjectHidesNoOther(t *testing.T) {
	s := pages{{Key: "/1", Value: []byte(`{"n":1}`)}, {Key: "/2", Value: []byte(`x`)}, {Key: "/3", Value: []byte(`{"n":3}`)}, {Key: "/4", Value: []byte(`y`)}, {Key: "/5", Value: []byte(`{"n":5}`)}}
	objects, rev, err := ListAll[thing](t.Context(), s, "/")
	if len(objects) != 3 || objects[2].Value.N != 5 || objects[2].Key != "/5" || rev != 9 {
		t.Errorf("got %+v at %d", objects, rev)
	}
	if !errors.Is(err, fault.Unreadable) || !strings.Contains(err.Error(), "/2") || !strings.Contains(err.Error(), "/4") {
		t.Errorf("got %v", err)
	}
	if _, _, err := ListAll[thing](t.Context(), s[:1], "/"); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeEncodedIsNotPut(t *testing.T) {
	if op, err := PutJSON("/a", thing{7}, 3); err != nil || string(op.Value) != `{"n":7}` || op.Lease != 3 {
		t.Errorf("got %+v, %v", op, err)
	}
	if _, err := PutJSON("/a", func() {}, 0); !errors.Is(err, fault.Internal) {
		t.Errorf("got %v", err)
	}
}
