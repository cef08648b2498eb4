package audit

import (
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// batchRecords is how many records one batch holds at most.
const batchRecords = 256

// entry is a record on its way to the disk.
type entry struct {
	record record.Record
	done   chan struct{} // closed when err stands
	err    error
}

// run serves entries until the log is closed.
func (l *Log) run() {
	for {
		select {
		case e := <-l.queue:
			batch := l.gather(e)
			err := l.write(batch)
			for _, e := range batch {
				if e.err = err; err != nil {
					e.record.Seq = 0
				}
				close(e.done)
			}
		case <-l.closing:
			return
		}
	}
}

// gather returns e and whoever waits behind it.
func (l *Log) gather(e *entry) []*entry {
	batch := []*entry{e}
	for len(batch) < batchRecords {
		select {
		case e := <-l.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// write makes a batch durable with the head that covers it, in one write and one sync. On error
// nothing of it is in the log.
func (l *Log) write(batch []*entry) error {
	if l.broken != nil {
		return l.broken
	}
	defer l.tree.forget() // does nothing once the batch was kept
	var lines []byte
	for _, e := range batch {
		e.record.Seq = l.tree.size + 1
		line, err := record.Encode(e.record)
		if err != nil {
			return err
		}
		if err := l.tree.add(line); err != nil {
			return l.fail(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	signed, err := l.sign()
	if err != nil {
		return err
	}
	line, err := record.EncodeHead(signed)
	if err != nil {
		return err
	}
	if err := l.writeSegment(append(append(lines, line...), '\n')); err != nil {
		return err
	}
	l.acknowledge(signed)
	return nil
}

// sign returns the signed head of the tree as it is with the batch.
func (l *Log) sign() ([]byte, error) {
	root, err := l.tree.root()
	if err != nil {
		return nil, l.fail(err)
	}
	return record.SignHead(record.Head{Size: l.tree.size, Root: root}, l.key)
}

// writeSegment appends bytes to the active segment and syncs it. What a full disk has cut short is
// taken back. After a failed sync nobody knows what is on the disk: nothing more is written until
// the log is opened, and thereby checked, again.
func (l *Log) writeSegment(lines []byte) error {
	if err := l.ensureSegment(); err != nil {
		return l.fail(err)
	}
	if _, err := l.active.WriteAt(lines, l.length); err != nil {
		if err := l.active.Truncate(l.length); err != nil {
			l.broken = l.fail(err)
		}
		return l.fail(err)
	}
	if err := l.active.Sync(); err != nil {
		l.broken = fault.Wrap(l.fail(err), "the audit log takes no records until it is opened again")
		return l.broken
	}
	l.length += int64(len(lines))
	return nil
}

// ensureSegment opens a new segment if the last one is sealed.
func (l *Log) ensureSegment() error {
	if l.active != nil {
		return nil
	}
	first := l.acknowledged() + 1
	path := filepath.Join(l.dir, record.Segment(first))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	if err := syncDir(l.dir); err != nil {
		_ = f.Close()
		_ = os.Remove(path)
		return err
	}
	l.active, l.length = f, 0
	l.mu.Lock()
	l.segments = append(l.segments, first)
	l.mu.Unlock()
	return nil
}

// acknowledge keeps the batch in memory and in the files that are not synced. These may fail: the
// next batch writes them again, and recovery does without.
func (l *Log) acknowledge(signed []byte) {
	l.tree.keep()
	l.writeHead(signed)
	l.mu.Lock()
	l.size, l.signed = l.tree.size, signed
	l.mu.Unlock()
	if l.length >= l.opt.SegmentBytes {
		l.seal()
	}
}

// sealed is the mode of a segment that is full: a reminder, no protection. That is in the heads.
const sealed = 0o400

// seal ends the active segment.
func (l *Log) seal() {
	_ = l.active.Chmod(sealed)
	_ = l.active.Close() // it was synced
	l.active = nil
}

func (l *Log) writeHead(signed []byte) {
	if b, err := record.PadHead(signed); err == nil {
		_, _ = l.head.WriteAt(b, 0)
	}
}

func (l *Log) acknowledged() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}
