package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// recoverTarget is what an operation that rebuilds the store is about.
var recoverTarget = operation.Target{Kind: "storage", Ref: model.Ref{Project: store.HostWide, Name: "self"}}

// atOnceRecovered is how many objects one call rebuilds: each takes a comparison and two writes, and a transaction
// is bounded.
const atOnceRecovered = 100

// RecoverStorage rebuilds what the store has lost from the notes that stand on the pools beside the content. What
// is in the store is left as it is, whatever a note says.
func (a *Actions) RecoverStorage(ctx context.Context, call Call) (Result, error) {
	return a.do(ctx, call, StorageRecover, recoverTarget, func(c *change) error {
		r := rebuilding{a: a, c: c, known: map[string]bool{}, named: map[string]bool{}, there: map[string]bool{}, notes: map[string]map[string][]byte{},
			held: map[string]bool{}, written: map[string]bool{}, library: map[string]storage.ImageStatus{}}
		if err := r.read(ctx); err != nil {
			return err
		}
		if err := r.pools(ctx); err != nil {
			return err
		}
		if err := r.keys(ctx); err != nil {
			return err
		}
		pools := slices.Sorted(maps.Keys(r.places))
		for _, pool := range pools {
			r.look(ctx, pool)
		}
		if err := r.images(ctx); err != nil {
			return err
		}
		for _, pool := range pools {
			if err := r.pool(ctx, pool); err != nil {
				return err
			}
		}
		r.nobodys()
		if call.DryRun {
			for _, name := range r.opened {
				if err := a.Pools.Leave(name); err != nil {
					return err
				}
			}
		}
		if r.left > 0 {
			r.say("HV-POOL-019", finding.Waiting, "", fmt.Sprintf("%d more are rebuilt by the next call", r.left), "hv storage recover")
		}
		c.notes.Sort()
		now := a.Now()
		c.status = &operation.Status{State: operation.Done, Ended: &now, Findings: c.notes}
		for _, step := range c.plan {
			c.status.Steps = append(c.status.Steps, operation.Step{Name: step.Name, State: operation.Done, Ended: &now})
		}
		return nil
	})
}

// rebuilding is one look at all pools.
type rebuilding struct {
	a       *Actions
	c       *change
	places  map[string]storage.PoolSpec  // the pools there are, with those that are rebuilt
	opened  []string                     // for this look
	known   map[string]bool              // UIDs that the store has
	named   map[string]bool              // POOL/FILE that it names, or a note
	there   map[string]bool              // POOL/FILE that are there
	notes   map[string]map[string][]byte // of each pool that can be read
	held    map[string]bool              // POOL/FILE that an object consists of: of the store, or rebuilt
	written map[string]bool              // of them those that one writes to, which nobody else may have
	made    int
	left    int

	library map[string]storage.ImageStatus // what became of images that are rebuilt, by UID
}

func (r *rebuilding) say(code string, severity finding.Severity, subject, what, remedy string) {
	f := finding.Finding{Code: code, Severity: severity, What: what, Remedy: remedy, Subject: []string{"storage"}}
	if subject != "" {
		f.Subject = []string{subject}
	}
	r.c.notes = append(r.c.notes, f)
}

// read finds out what the store has.
func (r *rebuilding) read(ctx context.Context) error {
	all, err := r.a.pools(ctx)
	if err != nil {
		return err
	}
	r.places = map[string]storage.PoolSpec{storage.DefaultPool: {}}
	for name, p := range all {
		r.places[name], r.known[p.UID] = p.Spec, true
	}
	keys, _, err := store.ListAll[storage.Key](ctx, r.a.Store, store.SpecPrefix("key"))
	for _, k := range keys {
		r.known[k.Value.UID] = true
	}
	if err != nil {
		return err
	}
	volumes, _, err := store.ListAll[storage.Volume](ctx, r.a.Store, store.SpecPrefix("volume"))
	if err != nil {
		return err
	}
	trash, _, err := store.ListAll[storage.Trashed](ctx, r.a.Store, store.SpecPrefix("trash"))
	for _, v := range volumes {
		r.knows(v.Value)
	}
	for _, t := range trash {
		r.knows(t.Value.Volume)
	}
	if err != nil {
		return err
	}
	sets, _, err := store.ListAll[vm.Snapshot](ctx, r.a.Store, store.SpecPrefix("snapshot"))
	for _, s := range sets {
		for _, d := range s.Value.Disks {
			for _, l := range d.Layers {
				r.named[l.Pool+"/"+l.File()], r.held[l.Pool+"/"+l.File()] = true, true
			}
		}
	}
	if err != nil {
		return err
	}
	images, _, err := store.ListAll[storage.Image](ctx, r.a.Store, store.SpecPrefix("image"))
	for _, i := range images { // the library's are in the default pool
		r.known[i.Value.UID] = true
		for _, f := range []storage.Format{storage.Raw, storage.QCOW2} {
			file := storage.DefaultPool + "/" + storage.VolumeFile(i.Value.UID, f)
			r.named[file], r.held[file] = true, true
		}
	}
	return err
}

func (r *rebuilding) knows(v storage.Volume) {
	r.known[v.UID] = true
	r.holds(v)
}

// holds writes down what a volume consists of.
func (r *rebuilding) holds(v storage.Volume) {
	files := filesOf(v)
	for _, f := range files {
		r.named[f], r.held[f] = true, true
	}
	if !v.Frozen {
		r.written[files[len(files)-1]] = true
	}
}

// pools rebuilds the pools themselves: their notes stand on the default one.
func (r *rebuilding) pools(ctx context.Context) error {
	_, notes, err := r.a.Pools.Held(ctx, storage.DefaultPool)
	if err != nil {
		return err
	}
	for _, uid := range slices.Sorted(maps.Keys(notes)) {
		n, m, err := storage.ReadNote(uid, notes[uid])
		if err != nil || n.Kind != "pool" || r.known[uid] {
			continue
		}
		var p storage.Pool
		if err := json.Unmarshal(n.Object, &p); err != nil || len(storage.CheckPool(p.Name, p.Spec)) > 0 || p.Deleted != nil || m.Project != store.HostWide {
			continue
		}
		if _, taken := r.places[m.Name]; taken && m.Name != storage.DefaultPool {
			continue // it was declared anew
		}
		beside := maps.Clone(r.places)
		beside[m.Name] = p.Spec
		if errs := storage.CheckPools(beside); len(errs) > 0 {
			r.say("HV-POOL-004", finding.Limited, "pool/"+m.Name, fmt.Sprintf("pool %s is not rebuilt: %v", m.Name, errors.Join(errs...)), "delete the other one if it is not meant, then hv storage recover again")
			continue
		}
		if err := r.put(ctx, n, m, fmt.Sprintf("pool %s in %s", m.Name, p.Spec.Where())); err != nil {
			return err
		}
		r.places[m.Name] = p.Spec
		if m.Name == storage.DefaultPool {
			continue
		}
		if _, err := r.a.Pools.Reach(ctx, m.Name, p.Spec); err != nil {
			r.say("HV-POOL-016", finding.Waiting, "pool/"+m.Name, fmt.Sprintf("pool %s cannot be opened: %v", m.Name, err), "mend that, then hv storage recover again")
		}
		r.opened = append(r.opened, m.Name)
	}
	return nil
}

// keys rebuilds the keys that volumes are encrypted with: their notes stand on the default pool, and hold no secret. That is in
// the sealed file, which is beside the store.
func (r *rebuilding) keys(ctx context.Context) error {
	_, notes, err := r.a.Pools.Held(ctx, storage.DefaultPool)
	if err != nil {
		return err
	}
	for _, uid := range slices.Sorted(maps.Keys(notes)) {
		n, m, err := storage.ReadNote(uid, notes[uid])
		if err != nil || n.Kind != "key" || r.known[uid] {
			continue
		}
		var k storage.Key
		if err := json.Unmarshal(n.Object, &k); err != nil || len(storage.CheckKey(k.Name, k.Spec)) > 0 || k.Deleted != nil || m.Project != store.HostWide {
			continue
		}
		if k.Spec.Effective().Kind == storage.CommandKey { // a pool is no place to say what root's daemon runs
			r.say("HV-KEY-025", finding.Limited, "key/"+m.Name, fmt.Sprintf("key %s is not rebuilt: its command is taken from no note", m.Name),
				"hv key create "+m.Name+" --kind command -- PROGRAM, with the program of before: it takes up the sealed file")
			continue
		}
		if err := r.put(ctx, n, m, fmt.Sprintf("key %s, sealed by %s", m.Name, k.Spec.Sealed())); err != nil {
			return err
		}
	}
	return nil
}

// look reads what is in a pool.
func (r *rebuilding) look(ctx context.Context, pool string) {
	files, notes, err := r.a.Pools.Held(ctx, pool)
	if err != nil {
		if !slices.Contains(r.opened, pool) { // else it was told
			r.say("HV-POOL-016", finding.Waiting, "pool/"+pool, fmt.Sprintf("pool %s cannot be read: %v", pool, err), "mend that, then hv storage recover again")
		}
		return
	}
	r.notes[pool] = notes
	for _, f := range files {
		r.there[pool+"/"+f] = true
	}
}

// pool rebuilds what the notes of one pool tell of.
func (r *rebuilding) pool(ctx context.Context, pool string) error {
	notes := r.notes[pool]
	for _, uid := range slices.Sorted(maps.Keys(notes)) {
		n, m, err := storage.ReadNote(uid, notes[uid])
		if err != nil {
			r.say("HV-POOL-017", finding.Limited, "pool/"+pool, fmt.Sprintf("in pool %s %v", pool, err), "it is left as it is")
			continue
		}
		if n.Kind == "pool" || n.Kind == "key" || n.Kind == "image" || r.known[uid] {
			continue
		}
		if err := r.object(ctx, pool, n, m); err != nil {
			return err
		}
	}
	return nil
}

// nobodys tells of content that neither the store nor a note names.
func (r *rebuilding) nobodys() {
	for _, f := range slices.Sorted(maps.Keys(r.there)) {
		if !r.named[f] {
			pool, file, _ := strings.Cut(f, "/")
			r.say("HV-POOL-018", finding.Advice, "pool/"+pool, fmt.Sprintf("%s in pool %s has no note, and no volume names it", file, pool), "it is left as it is")
		}
	}
}

// put writes an object that the store does not have, and says so.
func (r *rebuilding) put(ctx context.Context, n storage.Note, m model.Metadata, words string) error {
	ref := store.Ref{Kind: n.Kind, Project: m.Project, Name: m.Name}
	key := store.SpecKey(ref)
	switch _, err := r.a.Store.Get(ctx, key); {
	case err == nil:
		r.say("HV-POOL-017", finding.Limited, n.Kind+"/"+m.Name, fmt.Sprintf("%s is not rebuilt: another one has its name", words), "rename that one, then hv storage recover again")
		return nil
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	r.known[m.UID] = true
	if r.made == atOnceRecovered {
		r.left++
		return nil
	}
	r.made++
	r.c.step("rebuild %s", words)
	r.c.require(store.Absent(key))
	// It was made: what is gone later is told, and not made anew.
	var status any = storage.VolumeStatus{Made: true}
	switch n.Kind {
	case "image":
		status = r.library[m.UID]
	case "pool":
		status = storage.PoolStatus{Made: true}
	case "key": // it had a secret: one whose sealed file is gone is lost, and is not made anew
		status = storage.KeyStatus{State: storage.KeyLocked, Secret: 1}
	}
	if key != poolKey(storage.DefaultPool) { // which is open
		if err := r.c.put(store.StatusKey(ref, "reconcile"), status); err != nil {
			return err
		}
	}
	return r.c.put(key, n.Object)
}
