package action

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// move is what one VM takes and gives back of what is held alone, when it becomes as it is declared.
type move struct {
	name         string
	before, next vm.Spec
	runs         bool // it lets go of a volume later, when its guest has
}

// taking is one thing that a move takes.
type taking struct {
	key, path string // of the claim; below the VM
	what      string // volume "data"
	readOnly  bool
}

// takes are the things that a VM does not hold before and does then.
func (m move) takes() []taking {
	var out []taking
	uses := m.next.Volumes()
	for _, device := range slices.Sorted(maps.Keys(uses)) {
		d := uses[device]
		if had, was := diskOf(m.before, d.Volume); d.Volume == "" || was && had.ReadOnly == d.ReadOnly {
			continue
		}
		out = append(out, taking{store.ClaimKey("disk", model.DefaultProject, d.Volume), device + ".volume", fmt.Sprintf("volume %q", d.Volume), d.ReadOnly})
	}
	for _, nic := range slices.Sorted(maps.Keys(m.next.NICs)) {
		mac := m.next.NICs[nic].MAC // one that is made is nobody else's
		if mac == "" || slices.Contains(macs(m.before), mac) {
			continue
		}
		out = append(out, taking{store.ClaimKey("mac", store.HostWide, mac), "nics." + nic + ".mac", "MAC address " + mac, false})
	}
	if m.before.UUID == "" && m.next.UUID != "" {
		out = append(out, taking{store.ClaimKey("uuid", store.HostWide, m.next.UUID), "uuid", "UUID " + m.next.UUID, false})
	}
	return out
}

// gives are the keys of what it holds before and not then.
func (m move) gives() []string {
	var out []string
	for _, d := range m.before.Volumes() {
		if _, has := diskOf(m.next, d.Volume); !has && !m.runs && d.Volume != "" {
			out = append(out, store.ClaimKey("disk", model.DefaultProject, d.Volume))
		}
	}
	for _, mac := range macs(m.before) {
		if !slices.Contains(macs(m.next), mac) {
			out = append(out, store.ClaimKey("mac", store.HostWide, mac))
		}
	}
	return out
}

// contested refuses declared VMs that take what others hold and will not have let go of. VMs that give and
// take among each other are wished in an order in which that works, where there is one.
func (a *Actions) contested(ctx context.Context, decl config.Declaration, moves []move) (finding.List, error) {
	claims := map[string]storage.Claim{}
	for _, m := range moves {
		for _, key := range append(keysOf(m.takes()), m.gives()...) {
			if _, known := claims[key]; known {
				continue
			}
			var err error
			if claims[key], err = a.claimOn(ctx, key); err != nil {
				return nil, err
			}
		}
	}
	left := moves
	for progress := true; progress; {
		progress = false
		var stuck []move
		for _, m := range left {
			if m.may(claims) {
				progress = true
				continue
			}
			stuck = append(stuck, m)
		}
		left = stuck
	}
	var found finding.List
	for _, m := range left {
		for _, t := range m.takes() {
			if _, others := claims[t.key].With("vm/"+m.name, t.readOnly); len(others) > 0 {
				found = append(found, contest(decl, moves, m, t, others))
			}
		}
	}
	return found, nil
}

func keysOf(all []taking) []string {
	var out []string
	for _, t := range all {
		out = append(out, t.key)
	}
	return out
}

// may makes a move in claims where nobody stands against it.
func (m move) may(claims map[string]storage.Claim) bool {
	holder := "vm/" + m.name
	next := map[string]storage.Claim{}
	for _, t := range m.takes() {
		claim, others := claims[t.key].With(holder, t.readOnly)
		if len(others) > 0 {
			return false
		}
		next[t.key] = claim
	}
	for _, key := range m.gives() {
		next[key], _ = claims[key].Without(holder)
	}
	maps.Copy(claims, next)
	return true
}

// claimOn is who holds what is held alone, in one form for volumes and for what exists once on a host.
func (a *Actions) claimOn(ctx context.Context, key string) (storage.Claim, error) {
	what, _, _, err := store.ParseClaim(key)
	if err != nil {
		return storage.Claim{}, err
	}
	if what == "disk" {
		claim, _, err := store.Find[storage.Claim](ctx, a.Store, key)
		return claim, err
	}
	holder, _, err := store.Find[string](ctx, a.Store, key)
	return storage.Claim{Writer: holder}, err
}

func contest(decl config.Declaration, moves []move, m move, t taking, others []string) finding.Finding {
	f := finding.Finding{
		Code: "HV-CFG-009", Severity: finding.Refused, Subject: append([]string{"vm/" + m.name}, others...), Path: config.VMPath(m.name) + "." + t.path,
		What:   fmt.Sprintf("vm %q: %s: %s is used by %s", m.name, t.path, t.what, strings.Join(others, ", ")),
		Remedy: "declare another one, or take it from " + others[0] + " first",
	}
	name := strings.TrimPrefix(others[0], "vm/")
	i := slices.IndexFunc(moves, func(o move) bool { return o.name == name })
	_, declared := decl.VMs[name]
	switch {
	case i >= 0 && moves[i].runs:
		f.Why = "that VM runs or is about to, and has it until its guest has let go"
		f.Remedy = "apply it in two steps: first without it on either VM, then with it on " + m.name
	case !declared:
		f.Why = "what is not in the declaration keeps what it has"
		f.Remedy = "hv vm delete " + name + " keeps its volumes and lets go of them; or declare another one"
	}
	return f
}
