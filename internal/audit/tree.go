package audit

import (
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is the Merkle tree of the records: its hashes are in a file in the order of
// tlog.StoredHashIndex, those of the newest records in memory.
type tree struct {
	f     *os.File
	size  int64       // records, those of the batch included
	kept  int64       // records, without those of the batch
	base  int64       // hashes in the file
	fresh []tlog.Hash // hashes after those, and
	sure  int         // how many of them are kept
}

// openTree opens the hashes of the first size records. There may be fewer in the file, or wrong
// ones: whoever calls compares the root and starts with a tree of no records if it differs.
func openTree(path string, size int64) (*tree, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- our own folder
	if err != nil {
		return nil, err
	}
	return &tree{f: f, size: size, kept: size, base: tlog.StoredHashCount(size)}, nil
}

// add appends a record to the batch.
func (t *tree) add(line []byte) error {
	hashes, err := tlog.StoredHashes(t.size, line, t)
	if err != nil {
		return err
	}
	t.fresh, t.size = append(t.fresh, hashes...), t.size+1
	return nil
}

// root returns the hash of the tree, batch included.
func (t *tree) root() (tlog.Hash, error) { return tlog.TreeHash(t.size, t) }

// leaf returns the hash of a record; seq counts from 1.
func (t *tree) leaf(seq int64) (tlog.Hash, error) {
	h, err := t.ReadHashes([]int64{tlog.StoredHashIndex(0, seq-1)})
	if err != nil {
		return tlog.Hash{}, err
	}
	return h[0], nil
}

// keep makes the batch part of the tree and writes the hashes to the file; if that fails they stay
// in memory for the next time.
func (t *tree) keep() {
	t.kept, t.sure = t.size, len(t.fresh)
	b := make([]byte, 0, len(t.fresh)*tlog.HashSize)
	for _, h := range t.fresh {
		b = append(b, h[:]...)
	}
	if _, err := t.f.WriteAt(b, t.base*tlog.HashSize); err != nil {
		return
	}
	t.base, t.fresh, t.sure = t.base+int64(len(t.fresh)), t.fresh[:0], 0
}

// forget drops the records that were added since keep.
func (t *tree) forget() { t.size, t.fresh = t.kept, t.fresh[:t.sure] }

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= t.base {
			hashes[i] = t.fresh[at-t.base]
			continue
		}
		if _, err := t.f.ReadAt(hashes[i][:], at*tlog.HashSize); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

func (t *tree) close() error {
	if err := t.f.Sync(); err != nil {
		_ = t.f.Close()
		return err
	}
	return t.f.Close()
}
