package view

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Stream delivers events in the order of revisions, until its context ends.
type Stream struct {
	view    *View
	watch   store.Watcher
	types   []string
	subject string
	batch   *store.Batch // received, and not looked at yet
	queued  []wire.Event
	seen    int64
}

// Events follows what happens from a revision on, that one included; 0 means from now on. types are
// beginnings of event types ("vm.", "operation.changed"), subject one of a subject ("vm/default/");
// empty for all. It is fault.Precondition when the revision is too old to go back to.
func (v *View) Events(ctx context.Context, from int64, types []string, subject string) (*Stream, error) {
	watch, err := v.Store.Watch(ctx, store.Root, from)
	if err != nil {
		return nil, err
	}
	return &Stream{view: v, watch: watch, types: types, subject: subject}, nil
}

// Next waits for the next event. When ctx ends first nothing is lost: the next call goes on.
func (s *Stream) Next(ctx context.Context) (wire.Event, error) {
	for {
		if len(s.queued) > 0 {
			ev := s.queued[0]
			s.queued = s.queued[1:]
			return ev, nil
		}
		if s.batch != nil {
			// What an event tells may be looked up in the index: let that be as new as the event.
			if err := s.view.Await(ctx, s.batch.Revision); err != nil {
				return wire.Event{}, err
			}
			s.take(*s.batch)
			s.batch = nil
			continue
		}
		select {
		case <-ctx.Done():
			return wire.Event{}, context.Cause(ctx)
		case batch, ok := <-s.watch.Events():
			if !ok {
				return wire.Event{}, fault.Wrap(s.watch.Err(), "the stream of events has ended")
			}
			s.batch = &batch
		}
	}
}

// Seen is the revision up to which every event was delivered; 0 when that is not known. It moves on
// with what the stream does not want, so that who remembers it need not go back far.
func (s *Stream) Seen() int64 {
	if len(s.queued) > 0 {
		return 0
	}
	return s.seen
}

// take queues what is wanted of a batch. An event's ID counts all of the batch, so that it is the
// same whatever else is wanted.
func (s *Stream) take(batch store.Batch) {
	s.seen = batch.Revision
	for n, change := range batch.Events {
		ev, ok := s.view.event(change)
		if !ok || !s.wants(ev) {
			continue
		}
		ev.Revision = batch.Revision
		ev.ID = fmt.Sprintf("%d.%d", batch.Revision, n)
		s.queued = append(s.queued, ev)
	}
}

func (s *Stream) wants(ev wire.Event) bool {
	if !strings.HasPrefix(ev.Subject, s.subject) {
		return false
	}
	for _, t := range s.types {
		if strings.HasPrefix(ev.Type, t) {
			return true
		}
	}
	return len(s.types) == 0
}

// event is what one change of the store tells the world; ok is false for what concerns nobody.
func (v *View) event(ev store.Event) (out wire.Event, ok bool) {
	out = wire.Event{SpecVersion: "1.0", Source: v.Facts().Name, Time: moment(ev, v.Now().UTC())}
	if ref, writer, err := store.ParseStatus(ev.KV.Key); err == nil {
		return v.statusEvent(out, ref, writer, ev)
	}
	ref, err := store.ParseSpec(ev.KV.Key)
	if err != nil {
		return out, false
	}
	out.Subject = ref.Kind + "/" + ref.Project + "/" + ref.Name
	switch ref.Kind {
	case "vm", "volume", "image", "boot-file":
		out.Type = ref.Kind + "." + did(ev)
	case "operation":
		if ev.Type == store.Delete {
			return out, false
		}
		out.Type = "operation." + did(ev)
		out.Data = v.operationData(ref.Name)
	case "config":
		applied, err := store.Decode[config.Applied](ev.KV)
		if err != nil || !applied.Complete {
			return out, false
		}
		out.Type = "config.applied"
		out.Data = encode(map[string]any{"generation": applied.Generation, "by": applied.By})
	default:
		return out, false
	}
	return out, true
}

func did(ev store.Event) string {
	switch {
	case ev.Type == store.Delete:
		return "deleted"
	case ev.Prev == nil:
		return "created"
	}
	return "changed"
}

func (v *View) statusEvent(out wire.Event, ref store.Ref, writer string, ev store.Event) (wire.Event, bool) {
	out.Subject = ref.Kind + "/" + ref.Project + "/" + ref.Name
	if ev.Type == store.Delete {
		return out, false
	}
	switch {
	case ref.Kind == "operation":
		out.Type, out.Data = "operation.changed", v.operationData(ref.Name)
		return out, out.Data != nil
	case ref.Kind == "vm" && writer == "power":
		return powerEvent(out, ev)
	case ref.Kind == "vm" && writer == "guest":
		out.Type, out.Data = "vm.guest.changed", json.RawMessage(ev.KV.Value)
		return out, true
	case ref.Kind == "vm" && writer == "schedule":
		out.Type, out.Data = "vm.snapshot-schedule.changed", json.RawMessage(ev.KV.Value)
		return out, true
	case ref.Kind == "host" && writer == "facts":
		return hostEvent(out, ev)
	case ref.Kind == "image":
		out.Type, out.Data = "image.changed", json.RawMessage(ev.KV.Value)
		return out, true
	case ref.Kind == "volume":
		out.Type, out.Data = "volume.changed", json.RawMessage(ev.KV.Value)
		return out, true
	}
	return out, false
}

// hostEvent tells in what the host stands otherwise than before. That it was looked at for the first time, or at a new
// boot and is as it was, is no event.
func hostEvent(out wire.Event, ev store.Event) (wire.Event, bool) {
	now, err := store.Decode[host.Status](ev.KV)
	if err != nil || len(now.Last) == 0 {
		return out, false
	}
	out.Time, out.Type, out.Data = now.Seen, "host.changed", encode(map[string]any{"changes": now.Last})
	return out, true
}

// operationData is the operation as it is now: an event that is read late tells the newer truth.
func (v *View) operationData(id string) json.RawMessage {
	v.mu.RLock()
	defer v.mu.RUnlock()
	op := v.ops[id]
	if op == nil || op.ID == "" {
		return nil
	}
	return encode(*op)
}

// powerEvent tells of a new state, or of anything else in the status that is new.
func powerEvent(out wire.Event, ev store.Event) (wire.Event, bool) {
	now, err := store.Decode[vm.PowerStatus](ev.KV)
	if err != nil {
		return out, false
	}
	out.Time, out.Type = now.Seen, "vm.status.changed"
	data := map[string]any{"state": now.State}
	if now.Reason != "" {
		data["reason"] = now.Reason
	}
	if now.Problem != nil {
		data["problem"] = now.Problem.What
	}
	if ev.Prev != nil {
		was, err := store.Decode[vm.PowerStatus](*ev.Prev)
		if err == nil && now.Resets != nil && (was.Resets == nil || *was.Resets != *now.Resets) {
			out.Type, data["resets"] = "vm.reset", now.Resets
		}
		if err == nil && was.State != now.State {
			out.Type, data["before"] = "vm.state.changed", was.State
		}
	} else {
		out.Type = "vm.state.changed"
	}
	out.Data = encode(data)
	return out, true
}
