//go:build linux

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/internal/store/sealing"
	"github.com/hyper-nixos/hyper-nixos/model/upkeep"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// The folders of the state folder that the store is in.
const (
	storeFolder    = "store"
	snapshotFolder = "snapshots"
	storeKey       = "store.key" // beside them: whoever has the store or a copy of it has no secret
)

// secrets are what lies in the store in boxes: what a guest is told, and a large declaration, which is packed.
var secrets = sealing.Fields{"cloudInit": vm.SecretFields, "": {config.PackedField}}

// upkeepCommand is `hvd store VERB`, which `hv store VERB` calls: what is done about a store without a daemon, by the
// program that has what it takes to read one. It answers JSON.
func upkeepCommand(ctx context.Context, args []string, out io.Writer) int {
	f := flag.NewFlagSet("hvd store", flag.ContinueOnError)
	state := f.String("state", Installed, "folder that holds everything that stays")
	name := f.String("snapshot", "", "restore: the snapshot that is meant; the newest if empty")
	really := f.Bool("really", false, "restore, forget-secrets: do it; else it is only said what would be lost")
	if len(args) == 0 {
		args = []string{""}
	}
	verb := args[0]
	if f.Parse(args[1:]) != nil || f.NArg() > 0 {
		return 2
	}
	answer, err := keepUp(ctx, verb, *state, *name, *really)
	if err != nil {
		kind := fault.KindOf(err)
		answer = wire.Upkeep{Problem: &wire.Problem{
			Type: "about:blank", Title: kind.Error(), Status: wire.StatusOf(kind), Detail: err.Error(), Code: fault.CodeOf(err), Remedy: fault.HintOf(err),
		}}
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if e.Encode(answer) != nil || err != nil {
		return 1
	}
	return 0
}

func keepUp(ctx context.Context, verb, state, name string, really bool) (a wire.Upkeep, err error) {
	state, err = filepath.Abs(state)
	if err != nil {
		return a, err
	}
	store, snapshots := filepath.Join(state, storeFolder), filepath.Join(state, snapshotFolder)
	if err := becomeOwner(store); err != nil {
		return a, err
	}
	switch verb {
	case "check":
		got, err := local.Check(ctx, store, snapshots)
		a.Check = &got
		return a, err
	case "list":
		a.Snapshots, err = local.Snapshots(ctx, snapshots)
		return a, err
	case "snapshot":
		got, err := local.TakeSnapshot(ctx, store, snapshots, time.Now())
		a.Snapshot = &got
		return a, err
	case "restore":
		got, err := local.Restore(ctx, store, snapshots, name, really, time.Now())
		a.Restore = &got
		return a, err
	case "forget-secrets":
		a.Forgotten, err = forgetSecrets(ctx, store, snapshots, filepath.Join(state, storeKey), really)
		return a, err
	}
	return a, fault.New(fault.Invalid, "hvd store has no verb %.40q", verb).Try("hv store check, list, snapshot, restore or forget-secrets")
}

// forgetSecrets empties what the key beside the store does not open. A snapshot is taken first.
func forgetSecrets(ctx context.Context, dir, snapshots, key string, really bool) (_ *upkeep.Forgotten, err error) {
	file, err := local.Open(dir, local.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if really {
		if _, err := local.TakeSnapshot(ctx, dir, snapshots, time.Now()); err != nil {
			return nil, err
		}
	}
	keys, err := sealing.Forget(ctx, file, key, secrets, really)
	return &upkeep.Forgotten{Of: sealing.Objects(keys)}, err
}

// becomeOwner makes root the user whose store it is: files that are made are that user's, and what is read
// is read with that user's rights. Who is neither is refused.
func becomeOwner(store string) error {
	info, err := os.Stat(store)
	if os.IsNotExist(err) {
		return fault.New(fault.NotFound, "there is no store in %s", store).Try("name the state folder: --state DIR")
	}
	if os.IsPermission(err) {
		return notYours(store)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot look at the store").Because(err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch uid := os.Geteuid(); {
	case !ok || !info.IsDir():
		return fault.New(fault.Invalid, "%s is no folder", store).Try("name the state folder: --state DIR")
	case uint32(uid) == owner.Uid: // #nosec G115 -- a uid
		return nil
	case uid != 0:
		return notYours(store)
	}
	gid, uid := int(owner.Gid), int(owner.Uid)
	for _, f := range []func() error{
		func() error { return syscall.Setgroups([]int{gid}) },
		func() error { return syscall.Setresgid(gid, gid, gid) },
		func() error { return syscall.Setresuid(uid, uid, uid) },
	} {
		if err := f(); err != nil {
			return fault.New(fault.Unavailable, "cannot become the user whose store %s is", store).Because(err)
		}
	}
	return nil
}

func notYours(store string) error {
	return fault.New(fault.Denied, "only root and the daemon's own user may look after the store in %s", store).Try("ask again as root: sudo before the same command").WithCode("HV-AUTH-001")
}

// unusable reports whether what is kept on the disk is what keeps hvd from starting: starting it again does
// not help.
func unusable(err error) bool {
	switch fault.CodeOf(err) {
	case local.CodeDamaged, local.CodeNewer, audit.CodeDamaged, sealing.CodeNoKey:
		return true
	}
	return false
}
