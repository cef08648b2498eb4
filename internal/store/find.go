package store

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Find reads and decodes one key that may be missing.
func Find[T any](ctx context.Context, s Reader, key string) (T, bool, error) {
	v, _, err := Get[T](ctx, s, key)
	if fault.KindOf(err) == fault.NotFound {
		return v, false, nil
	}
	return v, err == nil, err
}
