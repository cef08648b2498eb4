package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Object is a decoded value with the key it came from (whose Value is the encoded one).
type Object[T any] struct {
	KV
	Value T
}

// Get reads and decodes one key.
func Get[T any](ctx context.Context, s Reader, key string) (T, KV, error) {
	var zero T
	kv, err := s.Get(ctx, key)
	if err != nil {
		return zero, KV{}, err
	}
	v, err := Decode[T](kv)
	if err != nil {
		return zero, kv, err
	}
	return v, kv, nil
}

// ListAll reads and decodes every key under prefix as of one revision. What cannot be decoded is
// named in the error, all of it, and the rest is returned with it: one bad object hides no other.
func ListAll[T any](ctx context.Context, s Reader, prefix string) ([]Object[T], int64, error) {
	return ListAt[T](ctx, s, prefix, 0)
}

// ListAt is ListAll as of a revision; 0 for the newest.
func ListAt[T any](ctx context.Context, s Reader, prefix string, revision int64) ([]Object[T], int64, error) {
	var (
		objects []Object[T]
		opt     = ListOptions{Revision: revision}
		bad     []error
	)
	for {
		page, err := s.List(ctx, prefix, opt)
		if err != nil {
			return nil, 0, err
		}
		for _, kv := range page.KVs {
			v, err := Decode[T](kv)
			if err != nil {
				bad = append(bad, err)
				continue
			}
			objects = append(objects, Object[T]{KV: kv, Value: v})
		}
		if !page.More {
			return objects, page.Revision, fault.Wrap(errors.Join(bad...), "some objects cannot be read")
		}
		opt.After, opt.Revision = page.KVs[len(page.KVs)-1].Key, page.Revision
	}
}

// Decode reads a value as JSON of T's shape and nothing more: an unknown field or trailing text is
// fault.Unreadable, naming the key.
func Decode[T any](kv KV) (T, error) {
	var v, zero T
	d := json.NewDecoder(bytes.NewReader(kv.Value))
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the value")
		}
	}
	if err != nil {
		return zero, fault.New(fault.Unreadable, "the stored value of %s cannot be read", kv.Key).Because(err)
	}
	return v, nil
}

// PutJSON returns the operation that writes v as JSON.
func PutJSON(key string, v any, lease int64) (Op, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Op{}, fault.New(fault.Internal, "cannot encode the value of %s", key).Because(err)
	}
	return PutOp(key, b, lease), nil
}
