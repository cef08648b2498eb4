package action

import (
	"bytes"
	"encoding/json"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// maxPatch bounds a merge patch.
const maxPatch = 256 << 10

// patched applies a merge patch (RFC 7386) to a definition. A key that the definition does not know
// is an error, not ignored.
func patched(def vm.Definition, patch json.RawMessage) (vm.Definition, error) {
	if len(patch) > maxPatch {
		return def, fault.New(fault.Invalid, "the patch has %d bytes: at most %d", len(patch), maxPatch)
	}
	whole, err := json.Marshal(def)
	if err != nil {
		return def, fault.New(fault.Internal, "cannot encode the definition").Because(err)
	}
	var have, change any
	if err := json.Unmarshal(whole, &have); err != nil {
		return def, fault.New(fault.Internal, "cannot decode the definition").Because(err)
	}
	if err := json.Unmarshal(patch, &change); err != nil {
		return def, fault.New(fault.Unreadable, "the patch is not JSON").Because(err)
	}
	if _, ok := change.(map[string]any); !ok {
		return def, fault.New(fault.Invalid, "a merge patch is an object")
	}
	merged, err := json.Marshal(merge(have, change))
	if err != nil {
		return def, fault.New(fault.Internal, "cannot encode the merged definition").Because(err)
	}
	var out vm.Definition
	d := json.NewDecoder(bytes.NewReader(merged))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		return def, fault.New(fault.Invalid, "the patch does not fit a VM").Because(err)
	}
	return out, nil
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
