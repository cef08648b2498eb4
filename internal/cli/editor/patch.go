package editor

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// mergePatch is the merge patch (RFC 7386) that makes after of before; nil where they are the same.
func mergePatch(before, after vm.Definition) (json.RawMessage, error) {
	a, err := tree(before)
	if err != nil {
		return nil, err
	}
	b, err := tree(after)
	if err != nil {
		return nil, err
	}
	patch := difference(a, b)
	if len(patch) == 0 {
		return nil, nil
	}
	return json.Marshal(patch)
}

func tree(def vm.Definition) (map[string]any, error) {
	text, err := json.Marshal(def)
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot encode the definition").Because(err)
	}
	var m map[string]any
	err = json.Unmarshal(text, &m)
	return m, err
}

func difference(before, after map[string]any) map[string]any {
	patch := map[string]any{}
	for k := range before {
		if _, stays := after[k]; !stays {
			patch[k] = nil
		}
	}
	for k, now := range after {
		old, had := before[k]
		inner, isMap := now.(map[string]any)
		oldInner, wasMap := old.(map[string]any)
		switch {
		case had && reflect.DeepEqual(old, now):
		case isMap && wasMap:
			patch[k] = difference(oldInner, inner)
		default:
			patch[k] = now
		}
	}
	return patch
}

// setPatch is the merge patch that --set and --unset describe: "disks.data.volume=data" and "disks.data".
func setPatch(set, unset []string) (json.RawMessage, error) {
	patch := map[string]any{}
	for _, text := range set {
		path, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, report.Usage("--set memory=2GiB", "--set %q: write it as KEY=VALUE", text)
		}
		if err := put(patch, path, literal(path, value)); err != nil {
			return nil, report.Usage("--set disks.data.volume=data", "--set %q: %v", text, err)
		}
	}
	for _, path := range unset {
		if err := put(patch, path, nil); err != nil {
			return nil, report.Usage("--unset disks.data", "--unset %q: %v", path, err)
		}
	}
	return json.Marshal(patch)
}

// literal reads a value: a number, true, false, a list or an object is one, all else is text. So is all that is
// said of a label, and of a key that takes text alone: 4 is a list of CPUs, too.
func literal(path, value string) any {
	if strings.HasPrefix(path, "labels.") || config.IsText(config.VMPath("vm")+"."+path) {
		return value
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err == nil && v != nil {
		return v
	}
	return value
}

func put(m map[string]any, path string, v any) error {
	key, rest, deeper := strings.Cut(path, ".")
	if key == "labels" && deeper { // a label's key may have dots
		key, rest = "labels", "\x00"+strings.TrimPrefix(path, "labels.")
	}
	if key == "" {
		return fault.New(fault.Invalid, "a part of the key is empty")
	}
	if !deeper {
		m[key] = v
		return nil
	}
	inner, ok := m[key].(map[string]any)
	if !ok {
		inner = map[string]any{}
		m[key] = inner
	}
	if label, is := strings.CutPrefix(rest, "\x00"); is {
		inner[label] = v
		return nil
	}
	return put(inner, rest, v)
}

// maxPatchFile bounds a file with a merge patch.
const maxPatchFile = 256 << 10

// readPatch reads a merge patch in JSON or YAML.
func readPatch(text []byte) (json.RawMessage, error) {
	if len(text) > maxPatchFile {
		return nil, report.Usage("", "the patch has more than %s", model.Bytes(maxPatchFile))
	}
	out, err := yaml.YAMLToJSON(text) // JSON is YAML
	if err != nil {
		return nil, fault.New(fault.Unreadable, "the patch is neither JSON nor YAML").Because(err)
	}
	return out, nil
}
