package local

import (
	"context"
	"sync/atomic"
	"time"
)

// A checkpoint copies the write-ahead log into the file and costs two fsyncs or more, so it waits
// until the log is worth it and commits pause; a steady stream of commits makes it wait no longer
// than checkpointPatience.
const (
	checkpointPages    = 1000 // 4 MiB
	checkpointPause    = 300 * time.Millisecond
	checkpointPatience = 2 * time.Second
)

// checkpointer keeps the write-ahead log short, beside the writer.
type checkpointer struct {
	w       *writer
	pages   atomic.Int64  // in the log since it was last empty, about
	kick    chan struct{} // something was written and the log is long
	between chan func()   // for the writer to run between two groups
}

func newCheckpointer(w *writer) *checkpointer {
	return &checkpointer{w: w, kick: make(chan struct{}, 1), between: make(chan func())}
}

// wrote counts a group. A commit dirties about six pages (the table, three indexes, interior pages)
// besides those of the values.
func (c *checkpointer) wrote(bytes int64) {
	if c.pages.Add(6+bytes/4096) < checkpointPages {
		return
	}
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// run checkpoints when it is due until the store is closed. It sleeps while nothing is written.
func (c *checkpointer) run() {
	for {
		select {
		case <-c.kick:
		case <-c.w.s.closing:
			return
		}
		if !c.awaitPause() {
			return
		}
		c.checkpoint()
	}
}

// awaitPause returns when commits pause or patience ends; false when the store is closed.
func (c *checkpointer) awaitPause() bool {
	patience := time.NewTimer(checkpointPatience)
	defer patience.Stop()
	for {
		pause := time.NewTimer(checkpointPause)
		select {
		case <-c.kick:
			pause.Stop()
		case <-pause.C:
			return true
		case <-patience.C:
			pause.Stop()
			return true
		case <-c.w.s.closing:
			pause.Stop()
			return false
		}
	}
}

// checkpoint copies most of the log while the writer goes on, then lets the writer copy what was
// added meanwhile: only a log that was copied whole starts again at its beginning. A failure costs
// room, not data; the next one tries again, and a sick disk shows itself in a commit.
func (c *checkpointer) checkpoint() {
	before := c.pages.Load()
	rows := c.w.s.readers.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)")
	if c.whole(rows.Scan) {
		c.pages.Add(-before)
		return
	}
	done := make(chan struct{})
	finish := func() {
		defer close(done)
		rows := c.w.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)")
		if c.whole(rows.Scan) {
			c.pages.Store(0)
		}
	}
	select {
	case c.between <- finish:
		<-done
	case <-c.w.s.closing:
	}
}

// whole reads the answer of a checkpoint: whether all of the log was copied.
func (c *checkpointer) whole(scan func(...any) error) bool {
	var busy, log, copied int64
	return scan(&busy, &log, &copied) == nil && busy == 0 && log == copied
}
