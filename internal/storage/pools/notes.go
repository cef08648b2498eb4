package pools

import (
	"bytes"
	"context"

	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// PutNote writes the note of an object beside its content, where that is not what stands there.
func (p *Pools) PutNote(ctx context.Context, pool, uid string, note storage.Note) error {
	b, err := p.Of(pool)
	if err != nil {
		return err
	}
	text, err := note.Encode()
	if err != nil {
		return err
	}
	if was, err := b.Note(ctx, uid); err == nil && bytes.Equal(was, text) {
		return nil
	}
	return b.PutNote(ctx, uid, text)
}

// DropNote takes the note of an object away; none is no error.
func (p *Pools) DropNote(ctx context.Context, pool, uid string) error {
	b, err := p.Of(pool)
	if err != nil {
		return err
	}
	return b.DropNote(ctx, uid)
}

// Held is everything that is in a pool: the names of its content, and the notes by the UIDs of their objects.
func (p *Pools) Held(ctx context.Context, pool string) (files []string, notes map[string][]byte, err error) {
	b, err := p.Of(pool)
	if err != nil {
		return nil, nil, err
	}
	if files, err = b.List(ctx); err != nil {
		return nil, nil, err
	}
	notes, err = b.Notes(ctx, nil)
	return files, notes, err
}

// Unknown are the notes in a pool of all objects but those that are known, by UID.
func (p *Pools) Unknown(ctx context.Context, pool string, known map[string]bool) (map[string][]byte, error) {
	b, err := p.Of(pool)
	if err != nil {
		return nil, err
	}
	return b.Notes(ctx, known)
}
