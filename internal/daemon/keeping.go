//go:build linux

package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// When the owner is told, long before anything is refused.
const (
	leastFree = 256 << 20 // bytes on the disk of the state folder; of a small one, a quarter
	mostFree  = 5 << 30   // that suffice on any disk
	freeShare = 20        // of the disk, one part in so many
	fullShare = 80        // percent of the most that the store may have
)

// keeping watches what must stay: the store, the room for it, and what the start has found.
type keeping struct {
	state string
	store *local.Store

	mu    sync.Mutex
	notes finding.List // of the start; they stand until the next
}

// note keeps a finding of the start.
func (k *keeping) note(f finding.Finding) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f.Severity, f.Subject = finding.Limited, []string{"host"}
	k.notes = append(k.notes, f)
}

// now is how it stands.
func (k *keeping) now() (wire.Keeping, finding.List) {
	use, kept := k.store.Usage(), k.store.Kept()
	free, size := room(k.state)
	w := wire.Keeping{Store: model.Bytes(use.Bytes), Most: model.Bytes(use.Most), History: model.Bytes(use.History), Free: model.Bytes(free)}
	if kept.Newest != nil {
		w.Snapshot = &kept.Newest.Time
	}
	k.mu.Lock()
	found := append(finding.List{}, k.notes...)
	k.mu.Unlock()
	return w, append(found, judge(k.state, use, kept.Failure, free, size)...)
}

// room is what is free on the disk of a folder, and its size; 0 for a disk that does not say.
func room(path string) (free, size int64) {
	var disk unix.Statfs_t
	if unix.Statfs(path, &disk) != nil {
		return 0, 0
	}
	return int64(disk.Bavail) * disk.Bsize, int64(disk.Blocks) * disk.Bsize // #nosec G115 -- a disk has less than 2^63 bytes
}

// judge says what will bite.
func judge(state string, use local.Usage, snapshots error, free, size int64) finding.List {
	var l finding.List
	say := func(code, what, why, remedy string) {
		l = append(l, finding.Finding{Code: code, Severity: finding.Limited, Subject: []string{"host"}, What: what, Why: why, Remedy: remedy})
	}
	if size > 0 && free < min(max(min(leastFree, size/4), size/freeShare), mostFree) {
		say("HV-STORE-006", fmt.Sprintf("the disk of the state folder has little room: %s of %s are free", model.Bytes(free), model.Bytes(size)),
			"once it is full nothing can be changed but what makes room", "free some space on the disk of "+state)
	}
	if use.Bytes > use.Most/100*fullShare {
		say("HV-STORE-007", fmt.Sprintf("the store is %s large, and may be %s", model.Bytes(use.Bytes), model.Bytes(use.Most)),
			"once it is full nothing can be changed but what makes room", "delete VMs, volumes or boot files that nobody needs")
	}
	if snapshots != nil {
		remedy := fault.HintOf(snapshots)
		if remedy == "" {
			remedy = "sudo hv store snapshot says what is in the way"
		}
		say("HV-STORE-008", "no snapshot of the store could be taken", snapshots.Error(), remedy)
	}
	return l
}

// watch logs what is found, when it is found and when it is gone, until ctx ends.
func (k *keeping) watch(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	told := map[string]bool{}
	for {
		_, found := k.now()
		still := map[string]bool{}
		for _, f := range found {
			if still[f.Code] = true; !told[f.Code] {
				log.Warn(f.What, "code", f.Code, "why", f.Why, "try", f.Remedy)
			}
		}
		for code := range told {
			if !still[code] {
				log.Info("no longer so", "code", code)
			}
		}
		told = still
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// takeUp fits the wishes of a store that was put back to what runs, once: also where only what was sealed shows that it
// was, and what was made anew runs already.
func (d *daemon) takeUp(ctx context.Context, sealedIsBack bool) error {
	at := d.file.Restored()
	if at.IsZero() && !sealedIsBack {
		return nil
	}
	taken, err := d.actions.TakeUp(ctx, at, d.vms.Observe)
	if err != nil || at.IsZero() {
		return err
	}
	var names []string
	for _, ref := range taken {
		names = append(names, ref.String())
	}
	f := finding.Finding{
		Code: "HV-STORE-009", What: "the store was put back from a snapshot at " + at.Format(time.RFC3339) + ": what was changed after that snapshot is lost",
		Why: "no VM was ended because of it", Remedy: "look at hv vm list, then restart hvd, and this is no longer told",
	}
	if len(names) > 0 {
		f.Why = "these run though they were off then, and are left running: " + strings.Join(names, ", ")
	}
	d.keeping.note(f)
	return d.file.NoteRestored(ctx)
}

// undeclared tells that the host's own declaration does not stand.
func (d *daemon) undeclared(err error) {
	what := "an apply that was cut off could not be finished"
	if d.actions.DeclaredBy != "" {
		what = "the host's declaration " + d.actions.DeclaredBy + " is not applied: what stood before stands on"
	}
	remedy := fault.HintOf(err)
	if d.actions.DeclaredBy != "" && fault.CodeOf(err) != "HV-PHASE-003" { // what was sealed is not mended
		remedy = "hv config check " + d.actions.DeclaredBy + ", mend it, then restart hvd"
	}
	d.keeping.note(finding.Finding{Code: "HV-CFG-005", What: what, Why: err.Error(), Remedy: remedy})
}
