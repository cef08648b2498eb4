package verify

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is a Merkle tree of which only the complete subtrees on its right edge are kept, largest
// first: enough to append, and to know the root (RFC 9162, section 2.1).
type frontier struct {
	size  int64
	nodes []tlog.Hash
}

func (f *frontier) add(leaf tlog.Hash) {
	h := leaf
	for range bits.TrailingZeros64(^uint64(f.size)) { // each trailing 1 of the size completes a pair
		h = tlog.NodeHash(f.nodes[len(f.nodes)-1], h)
		f.nodes = f.nodes[:len(f.nodes)-1]
	}
	f.nodes = append(f.nodes, h)
	f.size++
}

func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		h, _ := tlog.TreeHash(0, nil) // the one tree that needs no hashes
		return h
	}
	h := f.nodes[len(f.nodes)-1]
	for i := len(f.nodes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.nodes[i], h)
	}
	return h
}
