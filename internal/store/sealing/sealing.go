// Package sealing is a store whose secrets are sealed: what is written through it lies in the file of the store
// beneath, in its history, its write-ahead log and its snapshots only as a box that the key beside the store opens.
//
// What lives here: the key's file, the boxes, finding the secrets in a value. What does not: which fields are secrets
// (the daemon says so, by name), and the store beneath, which knows nothing of it.
//
// Only the secrets are sealed and not whole values: whoever loses the key loses those, and no VM.
package sealing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// CodeNoKey is that of a store with secrets that the key beside it does not open. hvd does not start on it.
const CodeNoKey = "HV-STORE-010"

// Store is a store over another. Reads open what is sealed, writes seal it.
type Store struct {
	store.Store
	fields  Fields
	box     *box
	closing chan struct{}
	once    sync.Once // closes closing: a store may be closed twice
}

// Open opens the key in the file path and makes it where there is none, and seals what lies in clear in the store
// beneath, which an earlier build has left so. anew says that another store may have been put there since. It is
// refused, and nothing is changed, while something in the store is sealed with another key. What it returns closes the
// store beneath.
func Open(ctx context.Context, beneath store.Store, path string, fields Fields, anew bool) (*Store, error) {
	k, err := readKey(path)
	if err != nil {
		return nil, err
	}
	s := &Store{Store: beneath, fields: fields, box: newBox(k), closing: make(chan struct{})}
	if k.Whole && !anew {
		return s, nil
	}
	found, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	if len(found.strange) > 0 {
		return nil, noKey(path, found.strange, k.kept)
	}
	if !k.kept {
		if err := k.write(path); err != nil {
			return nil, err
		}
	}
	if len(found.clear) > 0 && k.Whole {
		k.Whole = false // first: who is cut off before the past is gone has it go at the next start
		if err := k.write(path); err != nil {
			return nil, err
		}
	}
	for _, key := range found.clear {
		if err := s.again(ctx, key); err != nil {
			return nil, err
		}
	}
	if k.Whole {
		return s, nil
	}
	// Where there is no room to write the file anew, values are sealed all the same, and the next start tries again.
	if gone := s.forgetPast(ctx); gone == nil {
		k.Whole = true
		err = k.write(path)
	}
	return s, err
}

// scrubber is a store that keeps what was deleted in its file until told otherwise.
type scrubber interface {
	Scrub(ctx context.Context) error
}

// forgetPast cuts off the history, which may hold what lay in clear: also where an end in the middle has sealed all values before.
func (s *Store) forgetPast(ctx context.Context) error {
	revision, err := s.Revision(ctx)
	if err != nil || revision == 0 {
		return err
	}
	switch beneath := s.Store.(type) {
	case scrubber:
		return beneath.Scrub(ctx)
	case store.Compactor:
		return beneath.Compact(ctx, revision)
	}
	return nil
}

// noKey names what cannot be opened and both ways on.
func noKey(path string, strange []string, kept bool) error {
	const most = 5
	what := fmt.Sprintf("the key of the store's secrets, %s, is gone", path)
	if kept {
		what = fmt.Sprintf("%s is not the key that this store's secrets are sealed with", path)
	}
	of := Objects(strange)
	return fault.New(fault.Unreadable, "%s: it is needed for %d objects, such as %s", what, len(of), strings.Join(of[:min(len(of), most)], ", ")).
		Try("put the key's file back from where you keep a copy; where there is none: sudo hv store forget-secrets").WithCode(CodeNoKey)
}

// Objects names what keys belong to, each once.
func Objects(keys []string) []string {
	var names []string
	for _, key := range keys {
		ref, err := store.ParseSpec(key)
		if err != nil {
			ref, _, err = store.ParseStatus(key)
		}
		name := ref.String()
		if err != nil {
			name = key
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Forget empties every secret that the key in the file path does not open, and returns the keys of the values
// that held one. A value that is nothing without it goes. Unless really is set it only says which. The store beneath
// stays the caller's.
func Forget(ctx context.Context, beneath store.Store, path string, fields Fields, really bool) ([]string, error) {
	k, err := readKey(path)
	if err != nil {
		return nil, err
	}
	s := &Store{Store: beneath, fields: fields, box: newBox(k)}
	found, err := s.look(ctx)
	if err != nil || !really || len(found.strange) == 0 {
		return found.strange, err
	}
	if !k.kept {
		if err := k.write(path); err != nil {
			return nil, err
		}
	}
	s.box.forget = true
	for _, key := range found.strange {
		if slices.Contains(found.whole, key) {
			_, err = s.Commit(ctx, store.Txn{Then: []store.Op{store.DeleteOp(key)}})
		} else {
			err = s.again(ctx, key)
		}
		if err != nil {
			return nil, err
		}
	}
	return found.strange, nil
}

// found are the keys of values, by what was found in them.
type found struct{ strange, whole, clear []string }

// look goes through the whole store.
func (s *Store) look(ctx context.Context) (found, error) {
	var (
		all found
		opt store.ListOptions
	)
	for {
		page, err := s.Store.List(ctx, store.Root, opt)
		if err != nil {
			return found{}, err
		}
		for _, kv := range page.KVs {
			l := s.fields.look(kv.Value, s.box)
			if l.foreign {
				all.strange = append(all.strange, kv.Key)
			}
			if l.whole {
				all.whole = append(all.whole, kv.Key)
			}
			if l.clear {
				all.clear = append(all.clear, kv.Key)
			}
		}
		if !page.More {
			return all, nil
		}
		opt.After, opt.Revision = page.KVs[len(page.KVs)-1].Key, page.Revision
	}
}

// again writes a value as it is, which seals it.
func (s *Store) again(ctx context.Context, key string) error {
	kv, err := s.Get(ctx, key)
	if err != nil {
		return err
	}
	_, err = s.Commit(ctx, store.Txn{If: []store.Cmp{store.ModRevision(key, kv.ModRevision)}, Then: []store.Op{store.PutOp(key, kv.Value, kv.Lease)}})
	return err
}

// Get is store.Reader's.
func (s *Store) Get(ctx context.Context, key string) (store.KV, error) {
	kv, err := s.Store.Get(ctx, key)
	if err != nil {
		return kv, err
	}
	return s.opened(kv)
}

// List is store.Reader's. One value that cannot be opened is fault.Unreadable for the whole page.
func (s *Store) List(ctx context.Context, prefix string, opt store.ListOptions) (store.Page, error) {
	page, err := s.Store.List(ctx, prefix, opt)
	if err != nil {
		return page, err
	}
	for i, kv := range page.KVs {
		if page.KVs[i], err = s.opened(kv); err != nil {
			return store.Page{}, err
		}
	}
	return page, nil
}

// Commit is store.Committer's.
func (s *Store) Commit(ctx context.Context, txn store.Txn) (store.Result, error) {
	var then []store.Op
	for i, op := range txn.Then {
		if op.Kind != store.OpPut {
			continue
		}
		value, changed := s.fields.seal(op.Key, op.Value, s.box)
		if !changed {
			continue
		}
		if then == nil {
			then = append(then, txn.Then...)
		}
		then[i].Value = value
	}
	if then != nil {
		txn.Then = then
	}
	return s.Store.Commit(ctx, txn)
}

// Close is store.Store's.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.closing) })
	return s.Store.Close()
}

// Sealed is text, which is JSON of this store's and is kept elsewhere by that name, with its secrets in boxes.
func (s *Store) Sealed(name string, text []byte) []byte {
	sealed, _ := s.fields.seal(name, text, s.box)
	return sealed
}

// Unsealed is what Sealed was given.
func (s *Store) Unsealed(name string, text []byte) ([]byte, error) {
	kv, err := s.opened(store.KV{Key: name, Value: text})
	return kv.Value, err
}

// opened returns kv with its secrets in clear. The value that it has is not written to: watchers share it.
func (s *Store) opened(kv store.KV) (store.KV, error) {
	value, err := s.fields.open(kv.Key, kv.Value, s.box)
	if err != nil {
		return store.KV{}, fault.New(fault.Unreadable, "a secret in %s cannot be opened", kv.Key).Because(err).
			Try("hvd says what to do when it starts: sudo systemctl restart hvd").WithCode(CodeNoKey)
	}
	kv.Value = value
	return kv, nil
}
