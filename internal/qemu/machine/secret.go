package machine

import (
	"encoding/json"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// encryption is how a qcow2 layer is encrypted (BlockdevQcow2Encryption of qapi/block-core.json).
type encryption struct {
	Format    string `json:"format"`
	KeySecret string `json:"key-secret"`
}

// luksNode is a raw layer that is encrypted (BlockdevOptionsLUKS).
type luksNode struct {
	formatNode
	KeySecret string `json:"key-secret"`
}

type secretObject struct {
	Type   string `json:"qom-type"`
	ID     string `json:"id"`
	Format string `json:"format"`
	File   string `json:"file"`
}

// SecretOf is what QEMU calls the secret by which it opens what is encrypted with a key.
func SecretOf(key string) string { return "key-" + key }

// secrets are the keys of a machine's disks. Each comes in a sealed memfd, by its path as kernels do: a secret object opens no
// fdset, and what stood in an argument everybody on the host could read.
func secrets(disks map[string]vm.Disk, volumes map[string]Volume) part {
	var p part
	var have []string
	for _, name := range sortedKeys(disks) {
		for _, key := range storage.Keys(volumes[name].Layers) {
			if slices.Contains(have, key) {
				continue
			}
			have = append(have, key)
			id := SecretOf(key)
			p.args = append(p.args, "-object", object(secretObject{"secret", id, "raw", "/proc/self/fd/" + fd(id)}))
			p.files = append(p.files, File{Name: id, Kind: KeyFile, Object: key, Access: ReadOnly})
		}
	}
	return p
}

// AddSecret is the secret of a key for a QEMU that runs, which has the file by that path.
func AddSecret(key, path string) json.RawMessage {
	return json.RawMessage(object(secretObject{"secret", SecretOf(key), "raw", path}))
}
