package action

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// planned is what an apply would do, and what it goes by.
type planned struct {
	wire.ConfigPlan
	same bool     // what stands says the same
	todo bool     // some VM has to be wished otherwise
	gone []string // VMs that are declared no more

	objects map[string]vm.Object // of the default project, where declared VMs live
	moves   []move               // what becomes of what VMs hold alone

	found finding.List // what speaks against volumes that are to be made

	pools    map[string]storage.Pool // those that become another, as they are then
	shares   map[string]storage.Share
	sharesAt map[string]int64 // by name, the revision of each share as it was planned
	keys     map[string]storage.Key
	keysAt   map[string]int64

	sources   map[string]storage.Index
	sourcesAt map[string]int64
}

// planConfig says what becomes of each thing when cand stands, and in the findings of c what speaks against it.
// It changes nothing.
func (a *Actions) planConfig(ctx context.Context, c *change, before standing, cand candidate) (planned, error) {
	p := planned{objects: map[string]vm.Object{}}
	if before.Generation > 0 {
		stood, err := before.Sum()
		if err != nil {
			return p, err
		}
		p.same = stood == cand.digest
	}
	p.Declaration, p.Standing, p.Restores = cand.digest, before.Generation, cand.restores
	p.VMs, p.Features = []wire.PlannedVM{}, []wire.PlannedFeature{}
	p.Generation = before.Generation
	if !p.same {
		p.Generation++
	}
	shares, err := a.shares(ctx) // before it is looked at which VMs use them
	if err != nil {
		return p, err
	}
	all, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	if err != nil {
		return p, err
	}
	for _, o := range all {
		if o.Value.Project == model.DefaultProject {
			p.objects[o.Value.Name] = o.Value
		}
		if !takes(cand.decl, o.Value) {
			p.Untouched++
		}
	}
	p.gone = noMore(p.objects, cand.decl)
	for _, name := range cand.decl.Names() {
		if err := a.planVM(ctx, c, &p, cand.decl.VMs[name]); err != nil {
			return p, err
		}
	}
	for _, name := range p.gone {
		p.VMs = append(p.VMs, p.leave(name))
	}
	p.todo = !before.Complete && before.Generation > 0 && p.same || slices.ContainsFunc(p.VMs, func(v wire.PlannedVM) bool { return v.Becomes != wire.Unchanged })
	foundInPools, err := a.planPools(ctx, &p, cand.decl)
	if err != nil {
		return p, err
	}
	foundInShares, err := a.planShares(ctx, &p, cand.decl, shares)
	if err != nil {
		return p, err
	}
	foundInKeys, err := a.planKeys(ctx, &p, cand.decl)
	if err != nil {
		return p, err
	}
	if err := a.planSources(ctx, &p, cand.decl); err != nil {
		return p, err
	}
	inStorage := slices.Concat(foundInPools, foundInShares, foundInKeys)
	p.Nothing = p.same && !p.todo && len(p.pools)+len(p.shares)+len(p.keys)+len(p.sources) == 0
	p.Moved = p.Nothing && !slices.Equal(before.Declaration, cand.encoded)
	if err := a.against(ctx, c, &p, before, cand, inStorage); err != nil {
		return p, err
	}
	p.Digest = p.sum()
	return p, nil
}

// takes says whether o is the declaration's, or is once decl stands: what was let go of is taken back by its name.
func takes(decl config.Declaration, o vm.Object) bool {
	_, named := decl.VMs[o.Name]
	return o.Origin == model.Declared || o.Origin == model.Released && named && o.Project == model.DefaultProject
}

// against finds everything that speaks against cand, and what becomes of features.
func (a *Actions) against(ctx context.Context, c *change, p *planned, before standing, cand candidate, inStorage finding.List) error {
	facts := a.Facts()
	then := config.Check(cand.decl, facts)
	now := feature.Resolve(before.decl.FeatureManager, config.FeatureFacts(facts))
	contested, err := a.contested(ctx, cand.decl, p.moves)
	if err != nil {
		return err
	}
	used, err := a.inUse(ctx, before.decl, cand.decl, p.gone)
	if err != nil {
		return err
	}
	if err := p.features(now, then.Resolution, cand.decl); err != nil {
		return err
	}
	c.notes = slices.Concat(then.Findings, inStorage, p.found, a.clashes(ctx, cand.decl, p.objects), contested, used)
	for i, f := range c.notes {
		if f.Path != "" && f.Position == (finding.Position{}) {
			c.notes[i].Position = cand.decl.Sources.At(f.Path)
		}
	}
	c.notes.Sort()
	return nil
}

// sum is the digest of the plan: of what stands, what is to stand, and what becomes of each thing.
func (p planned) sum() string {
	text, err := json.Marshal(p.ConfigPlan) // its Digest is empty still
	if err != nil {
		panic(err) // words and numbers always encode
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// noMore are the names of VMs that are stored as declared and are not in decl, whichever
// declaration had them: one that was cut off before it stopped them leaves them to the next.
func noMore(objects map[string]vm.Object, decl config.Declaration) []string {
	var names []string
	for name, o := range objects {
		if _, still := decl.VMs[name]; !still && o.Origin == model.Declared {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (a *Actions) declaredNoMore(ctx context.Context, decl config.Declaration) ([]string, error) {
	all, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	objects := map[string]vm.Object{}
	for _, o := range all {
		objects[o.Value.Name] = o.Value
	}
	return noMore(objects, decl), err
}

// planVM says what becomes of one declared VM.
func (a *Actions) planVM(ctx context.Context, c *change, p *planned, def vm.Definition) error {
	v := wire.PlannedVM{Name: def.Name, Becomes: wire.Unchanged}
	o, there := p.objects[def.Name]
	var err error
	if v.Makes, err = a.planFresh(ctx, c, p, o, def); err != nil {
		return err
	}
	if !there {
		def, _ := def.Settled()
		v.Becomes = wire.Created
		if full, _ := vm.Effective(def.Spec, ""); full.Power != vm.Off {
			v.Power = full.Power
		}
		p.VMs, p.moves = append(p.VMs, v), append(p.moves, move{name: def.Name, next: def.Spec})
		return nil
	}
	want, _ := config.Kept(o, def).Settled()
	paths := vm.Diff(o.Spec, want.Spec)
	if !maps.Equal(o.Labels, want.Labels) {
		paths = append(paths, "labels")
	}
	v.Again = o.Origin == model.Released
	if len(paths) == 0 && !v.Again || o.Origin == model.Manual || o.Deleted != nil { // of the last two clashes tells
		if len(v.Makes) > 0 && o.Origin == model.Declared && o.Deleted == nil { // a volume grows
			v.Becomes = wire.Changed
		}
		p.VMs = append(p.VMs, v)
		return nil
	}
	st, err := a.power(ctx, o)
	if err != nil {
		return err
	}
	waits := map[string]string{}
	if st.Process != nil {
		next := o
		next.Spec = want.Spec
		in, err := a.planInput(ctx, c, next, st)
		if err != nil {
			return err
		}
		waits = plan.LiveEdit(in, *st.Process, st.Pinned).Waits
	} else if st.Saved.Whole() {
		next := o
		next.Spec = want.Spec
		in, err := a.planInput(ctx, c, next, st)
		if err != nil {
			return err
		}
		waits = plan.PendingSaved(in)
	}
	changes(&v, paths, waits, st.Process != nil, want.Spec)
	p.VMs = append(p.VMs, v)
	p.moves = append(p.moves, move{name: o.Name, before: o.Spec, next: want.Spec, runs: mayRun(o, st)})
	return nil
}

// changes says what becomes of a VM of which those paths change, and which of them wait for its next start.
func changes(v *wire.PlannedVM, paths []string, waits map[string]string, runs bool, next vm.Spec) {
	v.Becomes = wire.Changed
	if runs {
		v.Becomes = wire.ChangedLive
	}
	for _, path := range paths {
		if path == "power" {
			full, _ := vm.Effective(next, "")
			v.Power = full.Power
			continue
		}
		why, waits := waits[path]
		if waits {
			v.Becomes = wire.PendingRestart
		}
		v.Changes = append(v.Changes, wire.PlannedChange{Path: path, Restart: waits, Why: why})
	}
}

// leave says what becomes of a VM that is declared no more.
func (p *planned) leave(name string) wire.PlannedVM {
	o := p.objects[name]
	v := wire.PlannedVM{Name: name, Becomes: wire.Stopped, Power: vm.Off, Volumes: volumesOf(o.Spec)}
	if full, _ := vm.Effective(o.Spec, ""); full.Power == vm.Off {
		v.Becomes, v.Power = wire.Kept, ""
	}
	return v
}

func volumesOf(s vm.Spec) []string {
	var out []string
	for _, d := range s.Volumes() {
		if d.Volume != "" {
			out = append(out, d.Volume)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// diffShown is what changes, with the secrets of VMs hidden: what is previewed is kept in logs of whoever applies by a program.
func diffShown(before, after config.Declaration) (out []wire.Change) {
	was, _ := before.Shown()
	is, _ := after.Shown()
	shown := map[string]config.Change{}
	for _, d := range config.Diff(was, is) {
		shown[d.Path] = d
	}
	for _, d := range config.Diff(before, after) {
		s, differs := shown[d.Path]
		if !differs { // one secret for another
			s.Old, s.New = vm.Hidden, vm.Hidden
		}
		out = append(out, wire.Change{Path: d.Path, Kind: string(d.Kind), Old: s.Old, New: s.New})
	}
	return out
}

// tell puts the plan into c as a person reads it.
func (p planned) tell(c *change, before standing, cand candidate) {
	c.config = &p.ConfigPlan
	c.diff = append(c.diff, diffShown(before.decl, cand.decl)...)
	if p.Nothing {
		return
	}
	if !p.same {
		c.step("generation %d of the declaration stands", p.Generation)
	}
	for _, pool := range p.Pools {
		if pool.Becomes != wire.Unchanged {
			c.step("pool %s: %s", pool.Name, pool.Becomes)
		}
	}
	for _, share := range p.Shares {
		if share.Becomes != wire.Unchanged {
			c.step("share %s: %s", share.Name, share.Becomes)
		}
	}
	for _, key := range p.Keys {
		if key.Becomes != wire.Unchanged {
			c.step("key %s: %s", key.Name, key.Becomes)
		}
	}
	for _, source := range p.Sources {
		if source.Becomes != wire.Unchanged {
			c.step("image source %s: %s", source.Name, source.Becomes)
		}
	}
	for _, v := range p.VMs {
		if v.Becomes != wire.Unchanged {
			c.step("vm %s: %s", v.Name, inWords(v))
		}
	}
}

// inWords is what becomes of a VM in a line.
func inWords(v wire.PlannedVM) string {
	var at, later []string
	for _, ch := range v.Changes {
		if ch.Restart {
			later = append(later, ch.Path)
		} else {
			at = append(at, ch.Path)
		}
	}
	words := []string{v.Becomes}
	if v.Again {
		words = append(words, "declared again")
	}
	if len(at) > 0 {
		words = append(words, strings.Join(at, ", "))
	}
	if len(later) > 0 {
		words = append(words, "at its next start "+strings.Join(later, ", "))
	}
	words = append(words, v.Makes...)
	if v.Power != "" && v.Becomes != wire.Stopped {
		words = append(words, fmt.Sprintf("power %s", v.Power))
	}
	if v.Becomes == wire.Stopped || v.Becomes == wire.Kept {
		words = append(words, "it is its owner's from now on")
	}
	if len(v.Volumes) > 0 {
		words = append(words, "its volumes are kept: "+strings.Join(v.Volumes, ", "))
	}
	return strings.Join(words, "; ")
}

// clashes says which declared VMs have the name of one that is not the declaration's, and what the
// others name that does not exist.
func (a *Actions) clashes(ctx context.Context, decl config.Declaration, objects map[string]vm.Object) finding.List {
	var found finding.List
	for _, name := range decl.Names() {
		def := decl.VMs[name]
		refuse := func(code, path, what, remedy string) {
			found = append(found, finding.Finding{
				Code: code, Severity: finding.Refused, Subject: []string{"vm/" + name}, Path: config.VMPath(name) + path,
				What: "vm " + name + " " + what, Remedy: remedy,
			})
		}
		switch o, there := objects[name]; {
		case !there:
		case o.Deleted != nil:
			refuse("HV-CFG-004", "", "is being deleted", "hv vm wait "+name+" --for deleted, then apply again")
		case o.Origin == model.Manual:
			refuse("HV-CFG-002", "", "exists already and was made by hand", "declare it under another name, or hv vm delete "+name)
		case def.UUID != "" && def.UUID != o.Spec.UUID:
			refuse("HV-CFG-008", ".uuid", fmt.Sprintf("has the UUID %s for ever, and %s is declared", o.Spec.UUID, def.UUID), "leave uuid out")
		}
		found = append(found, a.lost(ctx, model.DefaultProject, def, func(string) bool { return false })...)
	}
	return found
}
