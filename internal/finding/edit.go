package finding

// Edit is one change to a declaration that a program can make.
type Edit struct {
	Op    Op     `json:"op"`
	Path  string `json:"path"`            // of the option: hypervisor.featureManager.enabledFeatures
	Value string `json:"value,omitempty"` // set: what it becomes; add, remove, replace: the entry of a list or the key of a map
	By    string `json:"by,omitempty"`    // replace: what the entry or the key becomes
}

// Op is what an edit does.
type Op string

// The operations.
const (
	Set     Op = "set"
	Unset   Op = "unset" // take the option out altogether
	Add     Op = "add"
	Remove  Op = "remove"
	Replace Op = "replace"
)

// Way is edits that, made together, take a finding away.
type Way []Edit
