package pools

import (
	"context"
	"errors"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Merge makes one layer of two of a chain that nobody has open, durably. What is read of the chain is the same at every
// moment, with both of them; both files are there afterwards.
func (p *Pools) Merge(ctx context.Context, chain []storage.Layer, m storage.Merge, tell func(percent float64)) (err error) {
	var files []*os.File
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	var image, below *convert.Image
	for i, l := range chain[:m.At+2] {
		written := i == m.At+1 || m.Down && i == m.At
		f, err := p.Open(ctx, l.Pool, l.File(), !written)
		if err != nil {
			return err
		}
		files = append(files, f)
		if i == m.At {
			below = image
		}
		secret, err := p.secret(ctx, l)
		if err != nil {
			return err
		}
		image = &convert.Image{File: f, Format: convert.Format(l.Format), Backing: image, Secret: secret}
	}
	stays := files[m.At+1]
	if m.Down {
		stays = files[m.At]
		err = convert.Commit(ctx, *image, tell)
	} else {
		name := ""
		if below != nil {
			name = chain[m.At-1].File()
		}
		err = convert.Rebase(ctx, *image, below, name, tell)
	}
	return osfault.File(errors.Join(err, stays.Sync()), "cannot merge two layers")
}

// NameBelow has the header of a layer say what is below it, for people and other programs.
func (p *Pools) NameBelow(ctx context.Context, l, below storage.Layer) (err error) {
	f, err := p.Open(ctx, l.Pool, l.File(), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return convert.NameBacking(ctx, convert.Image{File: f, Format: convert.Format(l.Format)}, below.File(), convert.Format(below.Format))
}
