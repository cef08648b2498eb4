package action

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// maxPatch bounds a merge patch.
const maxPatch = 256 << 10

// patched applies a merge patch (RFC 7386) to a definition. What comes out is read as strictly as a
// file is: a key that a definition does not have is an error, not ignored.
func patched(ctx context.Context, def vm.Definition, patch json.RawMessage) (vm.Definition, error) {
	if len(patch) > maxPatch {
		return def, fault.New(fault.Invalid, "the patch has %d bytes: at most %d", len(patch), maxPatch)
	}
	change, err := decodeAny(patch)
	if err != nil {
		return def, fault.New(fault.Unreadable, "the patch is not JSON").Because(err)
	}
	object, ok := change.(map[string]any)
	if !ok {
		return def, fault.New(fault.Invalid, "a merge patch is an object")
	}
	if _, whole := object["hypervisor"]; whole {
		return def, fault.New(fault.Invalid, "the patch is of a whole declaration, not of one VM").Try("hv config apply FILE")
	}
	whole, err := json.Marshal(def)
	if err != nil {
		return def, fault.New(fault.Internal, "cannot encode the definition").Because(err)
	}
	have, err := decodeAny(whole)
	if err != nil {
		return def, fault.New(fault.Internal, "cannot decode the definition").Because(err)
	}
	merged, err := json.Marshal(merge(have, change))
	if err != nil {
		return def, fault.New(fault.Internal, "cannot encode the merged definition").Because(err)
	}
	out, _, err := config.ReadVMsString(ctx, config.JSON, "the patched VM", string(merged))
	if err != nil {
		return def, fault.New(fault.Invalid, "the patch does not fit a VM").Because(err)
	}
	if len(out) != 1 {
		return def, fault.New(fault.Invalid, "the patch makes %d VMs of one", len(out))
	}
	return out[0], nil
}

// decodeAny reads one JSON value, its numbers as they are written.
func decodeAny(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the value")
	}
	return v, nil
}

// merge is MergePatch of RFC 7386, section 2.
func merge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(t, k)
		} else {
			t[k] = merge(t[k], v)
		}
	}
	return t
}
