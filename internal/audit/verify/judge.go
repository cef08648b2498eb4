package verify

import (
	"cmp"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
)

// judge compares what was found with what was signed.
func (v *verification) judge() {
	newest := v.newest()
	v.report.Signed = newest.Size
	v.countUnsigned(newest.Size)
	v.judgeOrder()
	complete := v.judgePresence(newest.Size)
	v.judgePlaces()
	if complete && v.foundRoot(newest.Size) == newest.Root {
		v.judgeHeads(v.leaves(newest.Size), newest.Size)
		v.judgeEnd(newest.Size)
		return
	}
	// Something differs. The stored hashes say what, if they are the signed ones themselves.
	if stored := v.storedLeaves(newest); stored != nil {
		v.judgeRecords(stored)
		v.judgeHeads(stored, newest.Size)
		return
	}
	if complete {
		v.judgeBatches(newest)
	}
}

// newest returns the head for the most records.
func (v *verification) newest() record.Head {
	var newest record.Head
	newest.Root = (&frontier{}).root()
	for _, h := range v.heads {
		if h.Size > newest.Size {
			newest = h.Head
		}
	}
	return newest
}

func (v *verification) countUnsigned(signed int64) {
	for _, e := range v.found {
		if e.seq > signed {
			v.report.Unsigned++
		}
	}
}

// judgeOrder finds records that do not stand where their number says.
func (v *verification) judgeOrder() {
	var highest int64
	seen := make(map[int64]bool, len(v.found))
	for _, e := range v.found {
		switch {
		case seen[e.seq]:
			v.problem(e.at(Moved), "record %d is there twice", e.seq)
		case e.seq < highest:
			v.problem(e.at(Moved), "record %d stands behind record %d", e.seq, highest)
		}
		seen[e.seq] = true
		highest = max(highest, e.seq)
	}
	// What follows looks at the records by number; of two of one number, at the first.
	slices.SortStableFunc(v.found, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	v.found = slices.CompactFunc(v.found, func(a, b entry) bool { return a.seq == b.seq })
}

// judgePresence finds the records up to signed that are not there, and reports whether all are.
func (v *verification) judgePresence(signed int64) bool {
	next := int64(1)
	missing := func(to int64, kind Kind) {
		if next > to {
			return
		}
		p := Problem{Kind: kind, From: next, To: to}
		switch {
		case kind == Truncated:
			v.problem(p, "the log ends at record %d, but a head for %d records was signed", next-1, signed)
		case next == to:
			v.problem(p, "record %d is not there", next)
		default:
			v.problem(p, "records %d to %d are not there", next, to)
		}
	}
	whole := true
	for _, e := range v.found {
		if e.seq > next {
			missing(e.seq-1, Dropped)
			whole = false
		}
		next = e.seq + 1
	}
	missing(signed, Truncated)
	return whole && next > signed
}

// judgePlaces finds heads that stand behind another record than the last one they cover. When
// records are missing or moved as well, the head tells nothing new.
func (v *verification) judgePlaces() {
	if len(v.problems) > 0 {
		return
	}
	for _, h := range v.heads {
		if h.after >= 0 && h.after != h.Size {
			v.problem(Problem{Kind: Moved, Segment: h.seg, Line: h.line}, "the head of %d records stands behind record %d", h.Size, h.after)
		}
	}
}

// judgeEnd misses the head behind the last signed record, which is written together with it.
func (v *verification) judgeEnd(signed int64) {
	last := int64(0)
	for _, h := range v.heads {
		if h.after >= 0 {
			last = max(last, h.Size)
		}
	}
	if last < signed {
		v.problem(Problem{Kind: Truncated, From: signed, To: signed}, "the signed head behind record %d is not there", signed)
	}
}

// leaves returns the hashes of the first n records found, or of all if there are fewer.
func (v *verification) leaves(n int64) []tlog.Hash {
	n = min(n, int64(len(v.found)))
	leaves := make([]tlog.Hash, n)
	for i := range leaves {
		leaves[i] = v.found[i].leaf
	}
	return leaves
}

func (v *verification) foundRoot(n int64) tlog.Hash { return rootOf(v.leaves(n)) }

func rootOf(leaves []tlog.Hash) tlog.Hash {
	var f frontier
	for _, l := range leaves {
		f.add(l)
	}
	return f.root()
}

// maxMissing bounds how many more records a head may speak of than there are, for the stored hashes to be read.
const maxMissing = 1 << 20

// storedLeaves returns the hashes of the records as the log stored them, if they make the signed
// root: then they are as good as signed.
func (v *verification) storedLeaves(newest record.Head) []tlog.Hash {
	if newest.Size > int64(len(v.found))+maxMissing { // it would not be compared with much
		return nil
	}
	size := tlog.StoredHashCount(newest.Size) * tlog.HashSize
	content, err := readSome(v.fsys, record.HashFile, size)
	if err != nil || int64(len(content)) < size {
		return nil
	}
	leaves := make([]tlog.Hash, newest.Size)
	for i := range leaves {
		at := tlog.StoredHashIndex(0, int64(i)) * tlog.HashSize
		copy(leaves[i][:], content[at:])
	}
	if rootOf(leaves) != newest.Root {
		return nil
	}
	return leaves
}

// judgeRecords compares each record with its signed hash.
func (v *verification) judgeRecords(signed []tlog.Hash) {
	for _, e := range v.found {
		if e.seq >= 1 && e.seq <= int64(len(signed)) && e.leaf != signed[e.seq-1] {
			v.problem(e.at(Edited), "record %d is not the one that was signed", e.seq)
		}
	}
}

// judgeHeads compares every head with the tree of the given hashes.
func (v *verification) judgeHeads(leaves []tlog.Hash, size int64) {
	heads := slices.Clone(v.heads)
	slices.SortStableFunc(heads, func(a, b head) int { return cmp.Compare(a.Size, b.Size) })
	var f frontier
	for _, h := range heads {
		for f.size < h.Size && f.size < size {
			f.add(leaves[f.size])
		}
		if h.Root != f.root() {
			v.problem(Problem{Kind: Forged, From: h.Size, To: h.Size, Segment: h.seg, Line: h.line},
				"%s, for %d records, is signed but contradicts the newest one: the key has signed two logs", h.where, h.Size)
		}
	}
}

// judgeBatches finds, without stored hashes, between which heads the records stop to fit. What is
// edited behind that cannot be told apart: every later head covers the difference.
func (v *verification) judgeBatches(newest record.Head) {
	heads := slices.Clone(v.heads)
	slices.SortStableFunc(heads, func(a, b head) int { return cmp.Compare(a.Size, b.Size) })
	var f frontier
	good := int64(0)
	for _, h := range heads {
		for f.size < h.Size && f.size < int64(len(v.found)) {
			f.add(v.found[f.size].leaf)
		}
		if f.root() != h.Root {
			v.problem(Problem{Kind: Edited, From: good + 1, To: h.Size, Segment: h.seg, Line: h.line},
				"a record from %d to %d is not the one that was signed; what follows, up to %d, cannot be checked without it", good+1, h.Size, newest.Size)
			return
		}
		good = h.Size
	}
}
