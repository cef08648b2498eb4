package reconcile

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// hostKey is where it stands how the host stood when it was last looked at.
func hostKey() string {
	return store.StatusKey(store.Ref{Kind: KindHost, Project: store.HostWide, Name: "self"}, "facts")
}

// SeeHost writes down how the host stands, where that differs from what was written before: by an earlier daemon, before
// the host started anew, or by this one before something was plugged in. further are changes that who calls has found
// besides. It returns what has changed; nothing when a host is seen for the first time.
func (e *Engine) SeeHost(ctx context.Context, bootID string, now map[string]host.Standing, further []host.Change) ([]host.Change, error) {
	was, _, err := store.Get[host.Status](ctx, e.Store, hostKey())
	first := fault.KindOf(err) == fault.NotFound
	if err != nil && !first {
		return nil, err
	}
	st := host.Status{Seen: e.Now(), BootID: bootID, Answers: make(map[string]string, len(now))}
	for what, s := range now {
		st.Answers[what] = s.Answer
	}
	if first {
		return nil, e.putHost(ctx, st)
	}
	st.Last = append(host.Changes(was.Answers, now), further...)
	if st.Changes = st.Last; was.BootID == bootID {
		st.Changes = host.Then(was.Changes, st.Last)
	}
	if len(st.Last) == 0 && was.BootID == bootID {
		return nil, nil
	}
	return st.Last, e.putHost(ctx, st)
}

func (e *Engine) putHost(ctx context.Context, st host.Status) error {
	op, err := store.PutJSON(hostKey(), st, 0)
	if err != nil {
		return err
	}
	_, err = e.Store.Commit(ctx, store.Txn{Then: []store.Op{op}})
	return err
}
