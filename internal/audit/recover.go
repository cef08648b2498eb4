package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// emptyRoot is the hash of a tree without records.
var emptyRoot = tlog.Hash(sha256.Sum256(nil))

// torn is an unacknowledged end that was cut off.
type torn struct {
	segment string
	bytes   int
	sum     [sha256.Size]byte
}

// recover finds the end of the log, cuts off what was never acknowledged, and refuses what does not
// fit the signatures. It reads the last segment and trusts the stored hashes when their root is the
// signed one and its records fit; otherwise it reads everything.
func (l *Log) recover() (*torn, error) {
	least, err := l.openHead()
	if err != nil {
		return nil, err
	}
	if l.segments, err = l.listSegments(); err != nil {
		return nil, l.fail(err)
	}
	end, cut, err := l.findEnd(least.Size)
	if err != nil {
		return nil, err
	}
	if end.Size < least.Size {
		return nil, l.damaged(fmt.Sprintf("it ends at record %d, but a head for %d records was signed", end.Size, least.Size), nil)
	}
	if l.tree, err = openTree(filepath.Join(l.dir, record.HashFile), end.Size); err != nil {
		return nil, l.fail(err)
	}
	if root, err := l.tree.root(); err != nil || root != end.Root {
		if err := l.rebuild(end); err != nil {
			return nil, err
		}
	}
	if err := l.checkLast(); err != nil {
		// After a power cut a hash inside of the tree may be lost while its root is right: the records
		// decide, held against the signed root.
		if l.rebuild(end) != nil {
			return nil, err
		}
	}
	if cut != nil {
		if err := l.cutOff(*cut); err != nil {
			return nil, err
		}
	}
	return cut, l.openEnd(end)
}

// openHead opens the file of the newest head and reads it.
func (l *Log) openHead() (record.Head, error) {
	f, err := os.OpenFile(filepath.Join(l.dir, record.HeadFile), os.O_RDWR, 0) // #nosec G304 -- our own folder
	if errors.Is(err, os.ErrNotExist) {
		return record.Head{}, l.damaged("its signed head is missing", nil)
	}
	if err != nil {
		return record.Head{}, l.fail(err)
	}
	l.head = f
	b := make([]byte, record.HeadSize)
	n, _ := f.ReadAt(b, 0)
	h, err := record.OpenHead(record.UnpadHead(b[:n]), l.pub)
	if err != nil {
		return record.Head{}, l.damaged("its newest head cannot be trusted", err)
	}
	return h, nil
}

// listSegments returns the first record of each segment, in order.
func (l *Log) listSegments() ([]int64, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	var firsts []int64
	for _, e := range entries {
		if first, ok := record.ParseSegment(e.Name()); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// findEnd returns the last signed head among the records, and what stands behind it. A segment
// without a head was begun by a batch that was not acknowledged: then the end is in the one before.
func (l *Log) findEnd(least int64) (record.Head, *torn, error) {
	var cut *torn
	for len(l.segments) > 0 {
		first := l.segments[len(l.segments)-1]
		name := record.Segment(first)
		content, err := os.ReadFile(filepath.Join(l.dir, name)) // #nosec G304 -- our own folder
		if err != nil {
			return record.Head{}, nil, l.fail(err)
		}
		head, length, err := l.lastHead(first, content, least)
		if err != nil {
			return record.Head{}, nil, l.damaged("segment "+name, err)
		}
		if tail := content[length:]; len(tail) > 0 {
			if cut != nil {
				return record.Head{}, nil, l.damaged(fmt.Sprintf("segments %s and %s both end without a head", name, cut.segment), nil)
			}
			cut = &torn{segment: name, bytes: len(tail), sum: sha256.Sum256(tail)}
		}
		if length > 0 {
			l.length = length
			return head, cut, nil
		}
		if len(content) == 0 && cut == nil {
			cut = &torn{segment: name, sum: sha256.Sum256(nil)} // made, not written to
		}
		l.segments = l.segments[:len(l.segments)-1]
	}
	return record.Head{Root: emptyRoot}, cut, nil
}

// lastHead returns the last head in a segment, and the bytes up to its end; 0 if there is none.
// What follows it must look like a write that a crash cut short: records, then part of a line; or
// holes, of which a power cut leaves some.
func (l *Log) lastHead(first int64, content []byte, least int64) (head record.Head, length int64, err error) {
	seq, at := first, 0
	for {
		line, rest, whole := bytes.Cut(content[at:], []byte("\n"))
		if !whole {
			return head, length, nil
		}
		next := len(content) - len(rest)
		parsed, err := record.Decode(line)
		var signed record.Head
		switch {
		case err == nil && parsed.Record != nil && parsed.Record.Seq == seq:
			seq++
		case err == nil && parsed.Record != nil:
			err = fmt.Errorf("record %d stands where %d should", parsed.Record.Seq, seq)
		case err == nil:
			if signed, err = record.OpenHead(parsed.Head, l.pub); err == nil && signed.Size != seq-1 {
				err = fmt.Errorf("the head of %d records stands behind record %d", signed.Size, seq-1)
			}
			if err == nil {
				head, length = signed, int64(next)
			}
		}
		if err != nil {
			if bytes.IndexByte(content[length:], 0) >= 0 && l.unfinished(content[next:], least) {
				return head, length, nil
			}
			return head, length, fmt.Errorf("at byte %d: %w", at, err)
		}
		at = next
	}
}

// unfinished reports whether what stands behind a hole may be the rest of the one write that was under way:
// no head that we signed is in it, or only the one at its very end. That one was not acknowledged then, so the
// newest head, least, is older.
func (l *Log) unfinished(content []byte, least int64) bool {
	for line := range bytes.Lines(content) {
		content = content[len(line):]
		parsed, err := record.Decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil || parsed.Record != nil {
			continue
		}
		if head, err := record.OpenHead(parsed.Head, l.pub); err == nil {
			return len(content) == 0 && head.Size > least
		}
	}
	return true
}

// rebuild computes the hashes of the tree from all segments.
func (l *Log) rebuild(end record.Head) error {
	l.tree.size, l.tree.base = 0, 0
	l.tree.keep()
	for i, first := range l.segments {
		if first != l.tree.size+1 {
			return l.damaged(fmt.Sprintf("there are no records %d to %d", l.tree.size+1, first-1), nil)
		}
		content, err := os.ReadFile(filepath.Join(l.dir, record.Segment(first))) // #nosec G304 -- our own folder
		if err != nil {
			return l.fail(err)
		}
		if i == len(l.segments)-1 {
			content = content[:l.length]
		}
		for line := range bytes.Lines(content) {
			if line = bytes.TrimSuffix(line, []byte("\n")); !record.IsRecord(line) {
				continue
			}
			if err := l.tree.add(line); err != nil {
				return l.fail(err)
			}
		}
		l.tree.keep()
	}
	root, err := l.tree.root()
	if err != nil {
		return l.fail(err)
	}
	if l.tree.size != end.Size || root != end.Root {
		return l.damaged(fmt.Sprintf("its records do not fit the head that was signed for %d of them", end.Size), nil)
	}
	return nil
}

// checkLast compares the records of the last segment with the hashes.
func (l *Log) checkLast() error {
	if len(l.segments) == 0 {
		return nil
	}
	seq := l.segments[len(l.segments)-1]
	name := record.Segment(seq)
	content, err := os.ReadFile(filepath.Join(l.dir, name)) // #nosec G304 -- our own folder
	if err != nil {
		return l.fail(err)
	}
	for line := range bytes.Lines(content[:l.length]) {
		if line = bytes.TrimSuffix(line, []byte("\n")); !record.IsRecord(line) {
			continue
		}
		hash, err := l.tree.leaf(seq)
		if err != nil {
			return l.fail(err)
		}
		if hash != tlog.RecordHash(line) {
			return l.damaged(fmt.Sprintf("record %d in segment %s is not the one that was written", seq, name), nil)
		}
		seq++
	}
	return nil
}

// cutOff takes a torn end away.
func (l *Log) cutOff(cut torn) error {
	path := filepath.Join(l.dir, cut.segment)
	if n := len(l.segments); n == 0 || record.Segment(l.segments[n-1]) != cut.segment {
		if err := os.Remove(path); err != nil {
			return l.fail(err)
		}
		return l.fail(syncDir(l.dir))
	}
	return l.fail(os.Truncate(path, l.length))
}

// openEnd makes ready to append.
func (l *Log) openEnd(end record.Head) error {
	signed, err := record.SignHead(end, l.key)
	if err != nil {
		return err
	}
	l.size, l.signed = end.Size, signed
	l.writeHead(signed)
	for i, first := range l.segments { // a crash may have come between the last record of one and its seal
		if i < len(l.segments)-1 || l.length >= l.opt.SegmentBytes {
			_ = os.Chmod(filepath.Join(l.dir, record.Segment(first)), sealed)
		}
	}
	if len(l.segments) == 0 || l.length >= l.opt.SegmentBytes {
		return nil
	}
	path := filepath.Join(l.dir, record.Segment(l.segments[len(l.segments)-1]))
	l.active, err = os.OpenFile(path, os.O_RDWR, 0) // #nosec G304 -- our own folder
	return l.fail(err)
}

// noteRepair tells in the log that an end was cut off.
func (l *Log) noteRepair(cut torn) error {
	if cut.bytes == 0 {
		return nil
	}
	r := Record{
		Time: l.opt.Now(), Actor: Actor{UID: -1, User: "audit"}, Action: "audit.repair", Target: cut.segment, Phase: Note,
		Result: "cut off an end that a crash had left unfinished; none of it was acknowledged",
		Params: map[string]string{"bytes": strconv.Itoa(cut.bytes), "sha256": fmt.Sprintf("%x", cut.sum)},
	}
	return fault.Wrap(l.write([]*entry{{record: r.Clean()}}), "cannot note the repair of the audit log")
}
