package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Member is a VM among those that start with their host, or stop with it.
type Member struct {
	model.Ref
	vm.Startup
}

// unordered is the rank of a VM that names no order: after all that do.
const unordered = 1 << 30

// Order says which of its members come before which: first those of a lower order, and before each VM those after
// which it is to start. What others wait for comes early itself, whatever its own order. A circle, which a check
// refuses and two edits at once may still make, orders nothing.
type Order struct {
	members map[model.Ref]*ordered
	ranked  []*ordered // by rank and name
}

type ordered struct {
	Member
	rank  int
	needs map[model.Ref]bool // members after which it comes, directly or not
	then  []*ordered         // those that name it

	settled bool
	up      time.Time // when it came to run; zero where it did not
	why     string    // it did not
	wakes   []model.Ref
}

// NewOrder orders members. A member of another project is another VM, whatever its name.
func NewOrder(members []Member) *Order {
	o := &Order{members: map[model.Ref]*ordered{}}
	for _, m := range members {
		x := &ordered{Member: m, rank: cmp.Or(m.Order, unordered)}
		o.members[m.Ref] = x
		o.ranked = append(o.ranked, x)
	}
	for _, x := range o.ranked {
		for _, name := range x.After {
			if y := o.members[model.Ref{Project: x.Project, Name: name}]; y != nil {
				y.then = append(y.then, x)
			}
		}
	}
	for _, x := range o.ranked {
		x.needs = o.closure(x)
	}
	for _, x := range o.ranked {
		for need := range x.needs {
			o.members[need].rank = min(o.members[need].rank, cmp.Or(x.Order, unordered))
		}
	}
	slices.SortFunc(o.ranked, func(a, b *ordered) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Name, b.Name))
	})
	return o
}

// closure is everything after which x comes; nothing where that is x itself.
func (o *Order) closure(x *ordered) map[model.Ref]bool {
	found := map[model.Ref]bool{}
	list := []*ordered{x}
	for len(list) > 0 {
		y := list[0]
		list = list[1:]
		for _, name := range y.After {
			ref := model.Ref{Project: y.Project, Name: name}
			if z := o.members[ref]; z != nil && !found[ref] {
				found[ref] = true
				list = append(list, z)
			}
		}
	}
	if found[x.Ref] {
		return nil
	}
	return found
}

func (o *Order) before(a, b *ordered) bool { return b.needs[a.Ref] || a.rank < b.rank }

// Has reports whether a VM is a member that has not settled.
func (o *Order) Has(ref model.Ref) bool {
	x := o.members[ref]
	return x != nil && !x.settled
}

// Start says what a member waits for before it may start: in words, and until when where that is known. Empty when it
// may start now. It is to be asked again when one settles for which Settle names it.
func (o *Order) Start(ref model.Ref, now time.Time) (wait string, until time.Time) {
	x := o.members[ref]
	if x == nil || x.settled {
		return "", time.Time{}
	}
	for _, y := range o.ranked {
		if y.rank > x.rank {
			break
		}
		if y == x || !o.before(y, x) {
			continue
		}
		if !y.settled {
			if !slices.Contains(y.wakes, ref) {
				y.wakes = append(y.wakes, ref)
			}
			return fmt.Sprintf("starts after vm %s", y.Ref), time.Time{}
		}
		if at := y.up.Add(time.Duration(y.Delay) * time.Second); !y.up.IsZero() && now.Before(at) {
			return fmt.Sprintf("starts %d s after vm %s", y.Delay, y.Ref), at
		}
	}
	return "", time.Time{}
}

// Missing are those after which a member was to start and that did not start, in words.
func (o *Order) Missing(ref model.Ref) []string {
	x := o.members[ref]
	if x == nil {
		return nil
	}
	var out []string
	for _, name := range x.After {
		y := o.members[model.Ref{Project: x.Project, Name: name}]
		switch {
		case y == nil:
			out = append(out, name+" does not start with the host")
		case y.settled && y.up.IsZero():
			out = append(out, name+" did not start: "+y.why)
		}
	}
	return out
}

// Settle notes that a member runs since up, or that it does not come up and why. It returns those that are to be
// asked again.
func (o *Order) Settle(ref model.Ref, up time.Time, why string) []model.Ref {
	x := o.members[ref]
	if x == nil || x.settled {
		return nil
	}
	x.settled, x.up, x.why = true, up, why
	return x.wakes
}

// Stop says which member has to be down before this one may stop; empty when it may now. The order is that of the
// start, reversed.
func (o *Order) Stop(ref model.Ref) string {
	x := o.members[ref]
	if x == nil {
		return ""
	}
	for _, y := range slices.Backward(o.ranked) {
		if y.rank < x.rank {
			break
		}
		if y != x && !y.settled && o.before(x, y) {
			return y.String()
		}
	}
	return ""
}

// Left are the members that have not settled, the first to stop first.
func (o *Order) Left() []model.Ref {
	var out []model.Ref
	for _, x := range slices.Backward(o.ranked) {
		if !x.settled {
			out = append(out, x.Ref)
		}
	}
	return out
}

// missing tells of VMs after which this one was to start.
func missing(in VMInput) finding.List {
	var out finding.List
	for _, why := range in.Missing {
		out = append(out, finding.Finding{
			Code: "HV-VM-072", Severity: finding.Limited, Subject: []string{"vm/" + in.Wish.Name},
			What: "started without a VM after which it was to start", Why: "vm " + why, Remedy: "see that it starts with the host: autostart, and hv vm show",
		})
	}
	return out
}

// StartsWithHost reports whether a VM is to be started because its host was: it was on when that went down, is to
// start again, and nobody has wished anew since.
func StartsWithHost(o vm.Object, effective vm.Spec, st vm.PowerStatus, facts host.Facts) bool {
	if o.Deleted != nil || down(Wished(effective.Power, o, &st)) {
		return false
	}
	if st.Process != nil {
		return effective.Autostart && st.Process.BootID != facts.BootID && (st.Ended == nil || st.Ended.Run != st.Process.StartTime)
	}
	return st.Ended != nil && st.Ended.Stays == o.PowerGeneration && st.Ended.BootID != facts.BootID
}
