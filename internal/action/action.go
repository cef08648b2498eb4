// Package action is the only way in which anything changes: one typed method per change, each
// through the same gate (may you? does the phase allow it? is the feature on?) and held against the rules, each audited before
// and after, each durable as one store transaction before it is acknowledged.
//
// What lives here: the action table, the gate, the writing of wishes. What does not: reading
// (package view), decoding and encoding (api/*), and making wishes come true (package reconcile).
package action

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Call is who asks, and how.
type Call struct {
	Actor operation.Actor
	Root  bool // the caller is root; whoever reaches the API's socket at all is a member

	DryRun bool
	// IdempotencyKey makes a repeated call answer what the first one did; empty for none, at most
	// 128 bytes.
	IdempotencyKey string
	// IfMatch is the revision that the object must still have; 0 for any.
	IfMatch int64

	// Of a declaration that is applied: the digest of the plan that was looked at, empty for none; why, in
	// the caller's words; and whether to be refused instead of waiting for another apply to end.
	Plan    string
	Message string
	NoWait  bool

	within   bool              // what is asked is the part of its class that a hardened host does
	schedule bool              // a VM's schedule asks, which a hardened host has taken as it was
	asSealed bool              // it follows from the declaration that was sealed
	uuids    map[string]string // that VMs of that declaration had, by name
}

// Result is what a change answers: an operation, or with a dry run its preview.
type Result struct {
	Operation *operation.Operation
	Preview   *wire.Preview
	Revision  int64 // the store's; a view that has reached it shows the change

	repeated bool // it is the answer to an earlier call with the same idempotency key
}

// Auditor keeps the record of every change. *audit.Log is one.
type Auditor interface {
	Append(ctx context.Context, r audit.Record) (audit.Receipt, error)
	Read(ctx context.Context, after int64, limit int, filter audit.Filter) (audit.Page, error)
}

// Volumes receives the content of volumes, durably, before anything names it.
type Volumes interface {
	// Receive stores size bytes of r as a volume's file, encrypted where it has a key, checks that they are of the format (an image that
	// names another file is refused), and returns their digest and the virtual size.
	Receive(ctx context.Context, v storage.Volume, size model.Bytes, r io.Reader) (sha256 string, virtual model.Bytes, err error)
	// Prepare makes the file of the head of a volume that there is not yet, empty.
	Prepare(ctx context.Context, v storage.Volume) error
	Can(pool string) (storage.Capabilities, error)
	// AddKeyslot has a passphrase open the encrypted layers of a chain, in a slot (below 0: one that is free); WipeKeyslot empties one;
	// RecoverKeyslots has their key open again what a passphrase opens.
	AddKeyslot(ctx context.Context, chain []storage.Layer, slot int, passphrase string) (int, error)
	WipeKeyslot(ctx context.Context, chain []storage.Layer, slot int, force bool) error
	RecoverKeyslots(ctx context.Context, chain []storage.Layer, passphrase string) (opens, of int, err error)
	// Export makes one image of all that a volume consists of, in a file without a name.
	Export(ctx context.Context, v storage.Volume, format string) (*os.File, error)
	Delete(ctx context.Context, v storage.Volume) error
	// Settle says that there is a volume of what was received; Unsettled are the files of which nobody has.
	Settle(ctx context.Context, v storage.Volume) error
	Unsettled(ctx context.Context) ([]storage.Volume, error)
}

// BootFiles receives kernels and initrds and keeps them by content.
type BootFiles interface {
	Receive(ctx context.Context, size model.Bytes, r io.Reader) (sha256 string, n model.Bytes, err error)
	Remove(ctx context.Context, sha256 string) error
	// Settle says that a boot file names the content; Unsettled is that of which nobody has.
	Settle(sha256 string) error
	Unsettled() ([]string, error)
}

// Config is what actions are made of.
type Config struct {
	Store     store.Store
	Audit     Auditor
	Volumes   Volumes
	Pools     Pools
	Keys      Keys
	BootFiles BootFiles
	Images    Images
	// Mirror is where a URL of the catalogue is fetched from; nil for itself.
	Mirror func(url string) string
	// MakeRoom gives up what is kept for a full disk, and reports whether there was anything; nil for none.
	MakeRoom func() bool
	Facts    func() host.Facts
	Now      func() time.Time
	// SavedRoom is what is free where the memory of snapshots is kept; nil where nobody knows.
	SavedRoom func() (model.Bytes, error)
	// Zone is by whose clocks a day begins; UTC where it is nil.
	Zone *time.Location
	// Steady is the time against which what is due is held: the engine's. Now where it is nil.
	Steady func() time.Time
	// Random returns n random bytes.
	Random func(n int) []byte
	// DeclaredBy is the host's own file that is its declaration; empty where `hv config apply` is
	// the way.
	DeclaredBy string
	// Declared reads that file; nil where nobody can.
	Declared func(context.Context) (config.Declaration, error)
	// Seal keeps the phase.
	Seal Seal
	// SealedCopy keeps what is sealed; nil where nobody does.
	SealedCopy SealedCopy
	// Members are the login names of those who may run VMs beside root; nil for none.
	Members func() []string
	// AuditWhole says what is wrong with the audit log; nil where it cannot be found out.
	AuditWhole func(context.Context) error
	Log        *slog.Logger
}

// Actions are all changes that can be asked for.
type Actions struct {
	Config

	applying *turn // one apply at a time
	hold     hold
	arriving arrivals

	mu       sync.Mutex
	resolved *resolved
}

// New returns the actions of one host.
func New(c Config) *Actions {
	if c.Steady == nil {
		c.Steady = c.Now
	}
	return &Actions{Config: c, applying: newTurn(), hold: newHold()}
}

// resolved is what the standing declaration came to.
type resolved struct {
	revision   int64
	facts      host.Facts
	resolution feature.Resolution
}

// The keys of what exists once on a host.
var (
	configRef    = store.Ref{Kind: "config", Project: store.HostWide, Name: "current"}
	configTarget = operation.Target{Kind: "config", Ref: model.Ref{Project: store.HostWide, Name: "current"}}
)

// configKey is the key of the standing declaration, a config.Applied.
func configKey() string { return store.SpecKey(configRef) }
