//go:build linux

package keys

import (
	"context"
	"maps"
	"slices"
)

// Begin makes the secret of that number, which is to be the next, and returns what the key has: what opens everything, what
// is to, and what did before a Switch and is to open nothing. The order in which a
// key is rotated is: the next opens everything too; Switch; the one before opens nothing any more; End. Cut off anywhere,
// the current one opens everything.
func (k *Keys) Begin(ctx context.Context, name string, number int) (current, next string, past []string, err error) {
	o, release, err := k.openInTurn(ctx, name)
	if err != nil {
		return "", "", nil, err
	}
	defer release()
	c := o.content
	if number > c.Current && c.Secrets[number] == "" {
		if err := k.change(name, o, func(c *content) { c.Secrets[number] = secret() }); err != nil {
			return "", "", nil, err
		}
		c = k.now(name).content
	}
	for _, n := range slices.Sorted(maps.Keys(c.Secrets)) {
		switch {
		case n < c.Current:
			past = append(past, c.Secrets[n])
		case n > c.Current:
			next = c.Secrets[n]
		}
	}
	return c.Secrets[c.Current], next, past, nil
}

// Switch has the newest secret be the current one.
func (k *Keys) Switch(name string) error {
	return k.edit(name, func(c *content) { c.Current = slices.Max(slices.Collect(maps.Keys(c.Secrets))) })
}

// End forgets all secrets but the current one.
func (k *Keys) End(name string) error {
	return k.edit(name, func(c *content) {
		maps.DeleteFunc(c.Secrets, func(n int, _ string) bool { return n < c.Current })
	})
}

func (k *Keys) edit(name string, do func(*content)) error {
	release, err := k.hold(context.Background(), name)
	if err != nil {
		return err
	}
	defer release()
	o := k.now(name)
	if o == nil {
		return locked(name)
	}
	return k.change(name, o, do)
}

// change writes a changed content of a key that is open, sealed by what it was sealed by.
func (k *Keys) change(name string, o *opened, do func(*content)) error {
	seal, err := k.read(name)
	if err != nil {
		return err
	}
	next := &opened{sealer: o.sealer, content: content{Current: o.content.Current, Secrets: maps.Clone(o.content.Secrets)}}
	do(&next.content)
	if err := k.write(name, seal, next); err != nil {
		return err
	}
	k.set(name, next)
	return nil
}
