package action

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// allocation is what a change is about to make in a pool.
type allocation struct {
	pool   string
	format storage.Format // empty where that does not matter
	// virtual is as large as the guest sees it, or as much larger as it gets; takes is the room that it surely takes
	// at once: all of an import, nothing of an empty volume.
	virtual, takes model.Bytes
}

// allocate is asked before anything is made in a pool, whoever makes it: an empty volume, an import, a clone, a
// snapshot, or a volume that grows. It refuses where the pool is gone, or full up to its watermark, and then says
// who uses what; and it says in the findings of c what the owner should know.
func (a *Actions) allocate(ctx context.Context, c *change, want allocation) error {
	p, kv, err := a.pool(ctx, want.pool)
	if err != nil {
		return err
	}
	c.require(store.ModRevision(kv.Key, kv.ModRevision)) // it is not let go of meanwhile
	if a.Pools == nil {
		return nil
	}
	can, err := a.Pools.Can(want.pool)
	if err != nil {
		return err
	}
	if want.format != "" && !can.Holds(want.format) {
		return fault.New(fault.Invalid, "pool %q keeps no volumes of format %s", want.pool, want.format).
			Try("--format %s, or another pool", can.Formats[0]).WithCode("HV-POOL-014")
	}
	room, err := a.Pools.Room(ctx, want.pool)
	if err != nil {
		return err
	}
	all, err := a.volumesIn(ctx, want.pool)
	if err != nil {
		return err
	}
	spec := p.Spec.Effective()
	then := room
	then.Free = max(room.Free-want.takes, 0)
	if full := then.UsedPercent(); full >= spec.StopPercent || want.takes > room.Free {
		return a.tooFull(ctx, p, room, want, all)
	}
	c.notes = append(c.notes, storage.FindPool(p.Name, spec, then, provisioned(all)+want.virtual)...)
	return nil
}

// takenBy is the room that all layers of a volume take: as much as a full copy of it needs.
func (a *Actions) takenBy(ctx context.Context, v storage.Volume) (model.Bytes, error) {
	var n model.Bytes
	if a.Pools == nil {
		return 0, nil
	}
	for _, l := range v.Chain() {
		u, err := a.Pools.Usage(ctx, l.Pool, l.File())
		if fault.KindOf(err) == fault.NotFound { // what copies it says so, by the volume's name
			continue
		}
		if err != nil {
			return 0, err
		}
		n += u.Allocated
	}
	return n, nil
}

func provisioned(all []storage.Volume) model.Bytes {
	var n model.Bytes
	for _, v := range all {
		n += v.Spec.Size
	}
	return n
}

// tooFull says that a pool has reached its watermark, and who uses what of it.
func (a *Actions) tooFull(ctx context.Context, p storage.Pool, room storage.Room, want allocation, all []storage.Volume) error {
	what := fmt.Sprintf("%s is %d %% full (%s of %s are free), and nothing new is made from %d %% on",
		room.Fullest(strconv.Quote(p.Name)), room.UsedPercent(), room.Free, room.Size, p.Spec.Effective().StopPercent)
	if want.takes > 0 && room.UsedPercent() < p.Spec.Effective().StopPercent {
		what = fmt.Sprintf("pool %q has %s free of %s, and with %s more would be fuller than the %d %% that it may be",
			p.Name, room.Free, room.Size, want.takes, p.Spec.Effective().StopPercent)
	}
	if users := a.topUsers(ctx, all); users != "" {
		what += "; most is taken by " + users
	}
	return fault.New(fault.Exhausted, "%s", what).WithCode("HV-POOL-005").
		Try("delete what is not needed (hv pool show %s), or make the pool larger, or raise stopPercent", p.Name)
}

// topUsers names the volumes that take the most room.
func (a *Actions) topUsers(ctx context.Context, all []storage.Volume) string {
	const most, looked = 3, 2000 // as many as can be looked at while somebody waits
	type user struct {
		name  string
		takes model.Bytes
	}
	var users []user
	for _, v := range all[:min(len(all), looked)] {
		u, err := a.Pools.Usage(ctx, v.Spec.Pool, v.File)
		if err == nil && u.Allocated > 0 {
			users = append(users, user{model.Ref{Project: v.Project, Name: v.Name}.String(), u.Allocated})
		}
	}
	slices.SortFunc(users, func(a, b user) int { return cmp.Or(cmp.Compare(b.takes, a.takes), cmp.Compare(a.name, b.name)) })
	var words []string
	for _, u := range users[:min(len(users), most)] {
		words = append(words, fmt.Sprintf("volume %s (%s)", u.name, u.takes))
	}
	return strings.Join(words, ", ")
}
