package privilege

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
)

// RunBase is the folder under which every state folder has a run folder of its own.
const RunBase = "/run/hv"

// The sockets in a run folder.
const (
	HelperSocket = "helper.sock" // hv-helper's own, for hvd alone
	APISocket    = "api.sock"    // the API's, made by hv-helper and served by hvd
)

// RunFolder returns the run folder that belongs to a state folder: /run/hv/ and the first 8 hex digits
// of the SHA-256 of the state folder's absolute, cleaned path. So two installations on one host never
// meet. A relative path counts from the root; callers make it absolute first.
func RunFolder(state string) string {
	sum := sha256.Sum256([]byte(filepath.Clean("/" + state)))
	return filepath.Join(RunBase, hex.EncodeToString(sum[:4]))
}
