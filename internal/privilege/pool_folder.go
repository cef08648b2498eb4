package privilege

// VerbPoolFolder makes a folder for a pool: PoolFolder → nothing.
const VerbPoolFolder Verb = "pool-folder"

// PoolTrees are the trees below which hv-helper makes a folder for a pool: those that an administrator keeps data
// in and that no program reads its configuration from. Elsewhere root makes the folder by hand.
var PoolTrees = []string{"srv", "mnt", "media", "data"}

// MaxPoolDepth bounds how deep below its tree such a folder may be.
const MaxPoolDepth = 8

// PoolFolder names a folder to be made, by its tree and the names from there on: no text that could be a path.
type PoolFolder struct {
	Tree  string   `json:"tree"`
	Names []string `json:"names"`
}
