package view

import (
	"context"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (v *View) applyOperation(id string, ev store.Event, gone bool) error {
	if gone {
		if op := v.ops[id]; op != nil {
			v.opRows.drop(opKey(op))
		}
		delete(v.ops, id)
		return nil
	}
	wish, err := store.Decode[operation.Wish](ev.KV)
	if err != nil {
		return err
	}
	v.op(id).Wish = wish
	v.opRow(id)
	return nil
}

func (v *View) applyOperationStatus(id string, ev store.Event, gone bool) error {
	if gone {
		return nil // goes with its wish
	}
	st, err := store.Decode[operation.Status](ev.KV)
	if err != nil {
		return err
	}
	v.op(id).Status = st
	v.opRow(id)
	return nil
}

func (v *View) op(id string) *operation.Operation {
	op := v.ops[id]
	if op == nil {
		op = &operation.Operation{Status: operation.Status{State: operation.Pending}}
		v.ops[id] = op
	}
	return op
}

// opKey orders operations newest first.
func opKey(op *operation.Operation) string {
	return fmt.Sprintf("%020d/%s", (uint64(1)<<63)-uint64(op.Created.UnixNano()), op.ID)
}

func (v *View) opRow(id string) {
	if op := v.ops[id]; op.ID != "" {
		v.opRows.put(opKey(op), row{name: op.Target.String(), item: encode(op)})
	}
}

// Operations lists operations, newest first. Filter is text that the target contains.
func (v *View) Operations(_ context.Context, opt ListOptions) (wire.Page, error) {
	return v.list(v.opRows, "", opt)
}

// Operation returns one operation by a prefix of its ID that only it has.
func (v *View) Operation(_ context.Context, id string) (operation.Operation, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if op := v.ops[id]; op != nil && op.ID != "" {
		return *op, nil
	}
	var found []*operation.Operation
	for have, op := range v.ops {
		if id != "" && strings.HasPrefix(have, id) && op.ID != "" {
			found = append(found, op)
		}
	}
	switch len(found) {
	case 0:
		return operation.Operation{}, notFound("operation", id, "hv operation list")
	case 1:
		return *found[0], nil
	}
	return operation.Operation{}, fault.New(fault.Conflict, "%d operations begin with %q", len(found), id).Try("write more of it")
}
