package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// reservePages is how far beyond its limit the file may grow for what makes room: deletes, and the
// compaction of the history.
const reservePages = 256 // 1 MiB

func pageLimit(o Options) int64 { return max(o.MaxBytes/4096, 64) }

// onlyDeletes reports whether a transaction needs no room once it is done.
func onlyDeletes(txn store.Txn) bool {
	for _, op := range txn.Then {
		if op.Kind == store.OpPut {
			return false
		}
	}
	return true
}

// separately does the requests of a group that failed one by one, so that one that finds no room
// takes no other down.
func (w *writer) separately(group []*request, err error) {
	for _, r := range group {
		if len(group) > 1 { // a lone one was tried already
			err = w.attempt([]*request{r})
		}
		for errors.Is(err, fault.Exhausted) && w.forgetHalf() {
			err = w.attempt([]*request{r})
		}
		if r.frees && errors.Is(err, fault.Exhausted) {
			w.withReserve(func() { err = w.attempt([]*request{r}) })
		}
		if err != nil {
			r.rev, r.err = 0, err
		}
	}
}

// forgetHalf compacts the older half of the history and reports whether that may have helped: room
// for what is now goes before room for what was.
func (w *writer) forgetHalf() (done bool) {
	newest, floor := w.s.hub.revision()
	if floor == newest || w.dead == 0 {
		return false
	}
	target := floor + (newest-floor+1)/2
	w.withReserve(func() {
		for done = true; done && w.swept < target; {
			done = w.sweep(target)
		}
	})
	return done
}

// withReserve does f while the file may grow beyond its limit.
func (w *writer) withReserve(f func()) {
	w.limit(pageLimit(w.s.opt) + reservePages)
	defer w.limit(pageLimit(w.s.opt))
	f()
}

// limit sets how many pages the file may have; SQLite never sets it below what there is. It fails
// only when nothing else works either.
func (w *writer) limit(pages int64) {
	_, _ = w.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages))
}
