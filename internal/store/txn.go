package store

import (
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Bounds of what goes in. They hold for every implementation and stay below etcd's own.
const (
	MaxKey      = 512     // bytes of a key or a prefix
	MaxValue    = 1 << 20 // bytes of one value
	MaxOps      = 256     // comparisons, and operations, in one transaction
	MaxTxnBytes = 4 << 20 // bytes of all keys and values in one transaction
	MaxPage     = 10_000  // keys in one page of a list
	MaxDeletes  = 1 << 20 // keys that one transaction may change, prefixes counted out
	MinTTL      = 100 * time.Millisecond
	MaxTTL      = 24 * time.Hour
)

// Txn is a transaction: if every comparison holds, every operation is done. The operations see the
// state before the transaction; no key may be touched by a Put and by another operation.
type Txn struct {
	If   []Cmp
	Then []Op
}

// Test is what a comparison asks of a key.
type Test uint8

// The tests.
const (
	IsAbsent Test = iota + 1
	IsPresent
	HasModRevision
)

// Cmp is a comparison of one key with what it should be.
type Cmp struct {
	Key         string
	Test        Test
	ModRevision int64 // for HasModRevision
}

// Absent holds if there is no such key.
func Absent(key string) Cmp { return Cmp{Key: key, Test: IsAbsent} }

// Present holds if there is such a key.
func Present(key string) Cmp { return Cmp{Key: key, Test: IsPresent} }

// ModRevision holds if the key was last written by revision rev. 0 is the same as Absent.
func ModRevision(key string, rev int64) Cmp {
	if rev == 0 {
		return Absent(key)
	}
	return Cmp{Key: key, Test: HasModRevision, ModRevision: rev}
}

// Holds reports whether the comparison is true of a key last written by revision have; 0 means
// that it does not exist.
func (c Cmp) Holds(have int64) bool {
	switch c.Test {
	case IsAbsent:
		return have == 0
	case IsPresent:
		return have != 0
	case HasModRevision:
		return have == c.ModRevision
	}
	return false
}

// OpKind is what an operation does.
type OpKind uint8

// The operations.
const (
	OpPut OpKind = iota + 1
	OpDelete
	OpDeletePrefix
)

// Op is one change of a transaction.
type Op struct {
	Kind  OpKind
	Key   string // of OpDeletePrefix: the prefix
	Value []byte
	Lease int64
}

// PutOp writes a value, under a lease if that is not 0.
func PutOp(key string, value []byte, lease int64) Op {
	return Op{Kind: OpPut, Key: key, Value: value, Lease: lease}
}

// DeleteOp removes a key; one that does not exist is no error and no event.
func DeleteOp(key string) Op { return Op{Kind: OpDelete, Key: key} }

// DeletePrefixOp removes every key that begins with prefix.
func DeletePrefixOp(prefix string) Op { return Op{Kind: OpDeletePrefix, Key: prefix} }

// Check says what of the transaction is out of bounds, as fault.Invalid.
func (t Txn) Check() error {
	if len(t.If) > MaxOps || len(t.Then) > MaxOps {
		return fault.New(fault.Invalid, "a transaction of %d comparisons and %d operations is too large: at most %d of each",
			len(t.If), len(t.Then), MaxOps).Try("commit it in parts")
	}
	size := 0
	for _, c := range t.If {
		if err := c.check(); err != nil {
			return err
		}
		size += len(c.Key)
	}
	for _, o := range t.Then {
		if err := o.check(); err != nil {
			return err
		}
		size += len(o.Key) + len(o.Value)
	}
	if size > MaxTxnBytes {
		return fault.New(fault.Invalid, "a transaction of %d bytes is too large: at most %d", size, MaxTxnBytes).Try("commit it in parts")
	}
	return t.checkOverlap()
}

func (c Cmp) check() error {
	if c.Test < IsAbsent || c.Test > HasModRevision {
		return fault.New(fault.Invalid, "the comparison of key %q asks for nothing", c.Key)
	}
	return CheckKey(c.Key)
}

func (o Op) check() error {
	switch o.Kind {
	case OpPut:
		if len(o.Value) > MaxValue {
			return fault.New(fault.Invalid, "the value of key %q has %d bytes: at most %d", o.Key, len(o.Value), MaxValue)
		}
		return CheckKey(o.Key)
	case OpDelete:
		return CheckKey(o.Key)
	case OpDeletePrefix:
		if o.Key == "" {
			return fault.New(fault.Invalid, "deleting the empty prefix would empty the store")
		}
		return CheckPrefix(o.Key)
	}
	return fault.New(fault.Invalid, "the operation on key %q is neither put nor delete", o.Key)
}

// checkOverlap refuses a key that is put and touched by another operation as well: the outcome
// would depend on an order that etcd does not promise.
func (t Txn) checkOverlap() error {
	puts := map[string]bool{}
	for _, o := range t.Then {
		if o.Kind != OpPut {
			continue
		}
		if puts[o.Key] {
			return fault.New(fault.Invalid, "key %q is put twice in one transaction", o.Key)
		}
		puts[o.Key] = true
	}
	for _, o := range t.Then {
		switch {
		case o.Kind == OpDelete && puts[o.Key]:
			return fault.New(fault.Invalid, "key %q is put and deleted in one transaction", o.Key)
		case o.Kind == OpDeletePrefix:
			for key := range puts {
				if strings.HasPrefix(key, o.Key) {
					return fault.New(fault.Invalid, "key %q is put and deleted (prefix %q) in one transaction", key, o.Key)
				}
			}
		}
	}
	return nil
}

// CheckKey says what is wrong with a key, as fault.Invalid. A key is an absolute path: `/`, then
// segments of letters, digits and -_.:@+=,~% with single slashes between them.
func CheckKey(key string) error {
	if err := CheckPrefix(key); err != nil {
		return err
	}
	if key == "" || strings.HasSuffix(key, "/") || strings.Contains(key, "//") {
		return fault.New(fault.Invalid, "key %q has an empty segment", key)
	}
	return nil
}

// CheckPrefix says what is wrong with a prefix, as fault.Invalid. The empty one is every key.
func CheckPrefix(prefix string) error {
	if len(prefix) > MaxKey {
		return fault.New(fault.Invalid, "key %q… has %d bytes: at most %d", prefix[:32], len(prefix), MaxKey)
	}
	if prefix != "" && prefix[0] != '/' {
		return fault.New(fault.Invalid, "key %q does not begin with a slash", prefix)
	}
	for i := range len(prefix) {
		if c := prefix[i]; c != '/' && !plain(c) && c != '%' {
			return fault.New(fault.Invalid, "key %q has a character that keys may not have: %q", prefix, c)
		}
	}
	return nil
}

// CheckTTL says what is wrong with a lease's time to live, as fault.Invalid.
func CheckTTL(ttl time.Duration) error {
	if ttl < MinTTL || ttl > MaxTTL {
		return fault.New(fault.Invalid, "a lease of %v is out of bounds: from %v to %v", ttl, MinTTL, MaxTTL)
	}
	return nil
}
