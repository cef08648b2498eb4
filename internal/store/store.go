// Package store is the only place where the parts of the daemon meet: wishes go in, statuses come
// back, everybody watches. It has the semantics of etcd (https://etcd.io/docs/latest/learning/api/)
// in a smaller interface: keys, revisions, transactions that compare and then commit, watches that
// start at a revision, leases.
//
// What lives here: the interface, its bounds, the shape of our keys, helpers that read and write
// JSON. Package storetest holds the promises as tests; store/local keeps one host's keys in SQLite.
// What does not: what the values mean (model/*), who may write them (action), and whatever is bulk
// (events, operation logs, samples).
//
// # Promises, for every implementation
//
//   - One sequence of revisions, starting at 0 for an empty store. A transaction that changes
//     something makes exactly one new revision; nothing else does.
//   - When Commit returns without an error the change is durable: it survives kill -9 and a power
//     cut. When it returns a refusal (Invalid, Conflict, Precondition, Exhausted) nothing was changed.
//   - Who has seen revision R (from a Commit, a batch or a page) sees at least R in every later read.
//   - A watch delivers every change under its prefix, once, in order of revision, all changes of
//     one revision in one batch; or it ends with an error that says why. A slow watcher delays
//     nobody.
package store

import (
	"context"
	"time"
)

// KV is one key with its value and where they come from.
type KV struct {
	Key            string
	Value          []byte // belongs to the caller who got it, save in a Batch, which watchers share
	CreateRevision int64  // the revision that made the key, counted anew after a delete
	ModRevision    int64  // the revision that wrote this value
	Version        int64  // writes since CreateRevision; 1 for a new key
	Lease          int64  // the lease the key is bound to; 0 for none
}

// Reader reads what was committed.
type Reader interface {
	// Get returns the newest value of key; fault.NotFound if there is none.
	Get(ctx context.Context, key string) (KV, error)
	// List returns the keys that begin with prefix, in byte order, as they were at one revision.
	// An error of type *Compacted (fault.Precondition) says that opt.Revision is too old.
	List(ctx context.Context, prefix string, opt ListOptions) (Page, error)
	// Revision returns the newest revision.
	Revision(ctx context.Context) (int64, error)
}

// ListOptions say which part of a list is wanted.
type ListOptions struct {
	Limit    int    // keys in a page; 0 or more than MaxPage means MaxPage
	After    string // only keys greater than this one: the last key of the page before
	Revision int64  // as of this revision: the Revision of the first page; 0 for the newest
}

// Page is a part of a list.
type Page struct {
	KVs      []KV
	Revision int64 // the revision at which the list was true
	More     bool  // there are keys after the last one
}

// Committer changes things.
type Committer interface {
	// Commit does all of txn.Then, or nothing. It is refused with
	//   - *CompareFailed (fault.Conflict), naming every comparison of txn.If that does not hold,
	//   - fault.Invalid for a transaction out of bounds (see Txn.Check),
	//   - fault.Precondition for a Put under a lease that is no more,
	//   - fault.Exhausted when there is no room for it,
	//   - fault.Unavailable when ctx ended before the transaction was begun, or the store is closed.
	// Once begun it is not given up: Commit then returns what became of it, whatever ctx says.
	Commit(ctx context.Context, txn Txn) (Result, error)
}

// Result says what a commit made.
type Result struct {
	Revision int64 // the new revision, or the current one if nothing was changed
}

// Watchable tells what happens.
type Watchable interface {
	// Watch delivers the changes under prefix from revision from on, that one included; 0 means
	// whatever comes after the call. The usual call follows a List: Watch(ctx, prefix,
	// page.Revision+1). An error of type *Compacted (fault.Precondition) says that the history does
	// not reach there; list again. The watch ends with ctx.
	Watch(ctx context.Context, prefix string, from int64) (Watcher, error)
}

// Watcher is one running watch.
type Watcher interface {
	// Events delivers the batches and is closed when the watch ends.
	Events() <-chan Batch
	// Err says why the watch ended: *Compacted when its reader was so slow that the history was
	// gone before it was read, fault.Unavailable when the store was closed, the cause of the context
	// when that ended. Call it after Events was closed; nil until then.
	Err() error
}

// Batch is what one revision changed under a prefix. A batch without events is a mark of progress:
// everything up to Revision was delivered. A watcher that has nothing to deliver gets such a mark
// after other prefixes changed, so that its reader can tell how far it sees.
type Batch struct {
	Revision int64
	Events   []Event
}

// EventType says what happened to a key.
type EventType uint8

// The two things that happen to keys.
const (
	Put EventType = iota + 1
	Delete
)

func (t EventType) String() string {
	switch t {
	case Put:
		return "put"
	case Delete:
		return "delete"
	}
	return "unknown event"
}

// Event is one change. The values are shared between watchers and must not be written to.
type Event struct {
	Type EventType
	KV   KV  // after a Delete: only Key and ModRevision, the revision of the delete
	Prev *KV // what the key held before; nil if it did not exist
}

// Leaser gives out leases: keys put under one vanish, as a Delete, when it ends.
type Leaser interface {
	// Grant makes a lease that ends when it was not kept alive for ttl. Its id is greater than every
	// id given out before, across restarts: usable as a fencing token. A restart of the store starts
	// the time anew: a lease may live longer than ttl, never shorter.
	Grant(ctx context.Context, ttl time.Duration) (id int64, err error)
	// KeepAlive starts the time anew; fault.Precondition if the lease has ended.
	KeepAlive(ctx context.Context, id int64) error
	// Revoke ends the lease now; its keys vanish in one revision. fault.Precondition if it has
	// ended already.
	Revoke(ctx context.Context, id int64) error
}

// Store is all of it. Callers that need less say so with the smaller interfaces.
type Store interface {
	Reader
	Committer
	Watchable
	Leaser
	// Close ends the watches and leaves the store in order on its disk.
	Close() error
}

// Compactor is a store whose history can be cut by hand; each one does it by itself as well.
type Compactor interface {
	// Compact forgets what was overwritten or deleted up to revision: lists at an older revision
	// and watches that start at it or before are answered with *Compacted from then on.
	Compact(ctx context.Context, revision int64) error
}
