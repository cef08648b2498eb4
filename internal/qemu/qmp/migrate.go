package qmp

import (
	"context"
	"errors"
	"strings"
)

// Migration is what QEMU says of moving its guest out or in (qapi/migration.json, MigrationInfo). On the side that
// reads, QEMU 7.2 tells the status and nothing else.
type Migration struct {
	Status string `json:"status,omitempty"` // MigrationActive and so on; empty before the first
	Error  string `json:"error-desc,omitempty"`
	// Blocked is why it cannot be moved now, in QEMU's words.
	Blocked []string      `json:"blocked-reasons,omitempty"`
	RAM     *MigrationRAM `json:"ram,omitempty"`
}

// MigrationRAM is how far the guest's memory is, in bytes.
type MigrationRAM struct {
	Total       int64 `json:"total"`
	Remaining   int64 `json:"remaining"`
	Transferred int64 `json:"transferred"`
}

// States of a migration that this product meets (MigrationStatus).
const (
	MigrationNone       = "none"
	MigrationSetup      = "setup"
	MigrationActive     = "active"
	MigrationDevice     = "device"
	MigrationCancelling = "cancelling"
	MigrationCancelled  = "cancelled"
	MigrationCompleted  = "completed"
	MigrationFailed     = "failed"
)

type migrateArgs struct {
	URI string `json:"uri"`
}

type migrationCapability struct {
	Capability string `json:"capability"`
	State      bool   `json:"state"`
}

type capabilityArgs struct {
	Capabilities []migrationCapability `json:"capabilities"`
}

type migrationParameters struct {
	MaxBandwidth int64 `json:"max-bandwidth,omitempty"` // bytes per second
}

var (
	migrate         = define[migrateArgs, none]("migrate")
	migrateIncoming = define[migrateArgs, none]("migrate-incoming")
	migrateCancel   = define[none, none]("migrate_cancel")
	queryMigrate    = define[none, Migration]("query-migrate")
	setCapabilities = define[capabilityArgs, none]("migrate-set-capabilities")
	setParameters   = define[migrationParameters, none]("migrate-set-parameters")
)

// QueryMigrate asks how far a migration is, and what stands in the way of one.
func QueryMigrate(ctx context.Context, on Executor) (Migration, error) {
	return queryMigrate.do(ctx, on, none{})
}

// unlimited is a terabyte a second: QEMU's own limit is 128 MiB, made for networks.
const unlimited = 1 << 40

// Migrate begins to write the guest to the file that GetFD gave QEMU under a name, as fast as it can. Never is it exec:,
// for which the sandbox would end QEMU.
func Migrate(ctx context.Context, on Executor, fdname string) error {
	if err := migrationEvents(ctx, on); err != nil {
		return err
	}
	if err := setParameters.run(ctx, on, migrationParameters{MaxBandwidth: unlimited}); err != nil {
		return err
	}
	return migrate.run(ctx, on, migrateArgs{URI: "fd:" + fdname})
}

// MigrateIncoming begins to read the guest of a QEMU that was started with -incoming defer. One that has begun goes on.
func MigrateIncoming(ctx context.Context, on Executor, fdname string) error {
	if err := migrationEvents(ctx, on); err != nil {
		return err
	}
	err := migrateIncoming.run(ctx, on, migrateArgs{URI: "fd:" + fdname})
	if refusal, ok := errors.AsType[*Error](err); ok && strings.Contains(refusal.Desc, "already been started") {
		return nil
	}
	return err
}

// migrationEvents has QEMU say what becomes of a migration.
func migrationEvents(ctx context.Context, on Executor) error {
	return setCapabilities.run(ctx, on, capabilityArgs{Capabilities: []migrationCapability{{Capability: "events", State: true}}})
}

// MigrateCancel gives up a migration that writes; without one it does nothing. It is over when its status says so.
func MigrateCancel(ctx context.Context, on Executor) error { return migrateCancel.run(ctx, on, none{}) }
