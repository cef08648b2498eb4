package privilege

import "slices"

// Share is one folder of the host's that a VM is given by virtiofs: hv-helper runs a virtiofsd for it beside QEMU. It is
// named by its tree, one of PoolTrees, and the names below it: no text that could be a path.
type Share struct {
	Tag      string   `json:"tag"` // as the guest mounts it
	Tree     string   `json:"tree"`
	Names    []string `json:"names"`
	ReadOnly bool     `json:"readOnly,omitempty"`
}

// MaxShares is how many a VM may have.
const MaxShares = 8

// ShareSocket is the name of QEMU's connection to the virtiofsd of the share with this tag.
func ShareSocket(tag string) string { return "fs-" + tag }

// VsockFile is the name of QEMU's /dev/vhost-vsock, which hv-helper opens.
const VsockFile = "vhost-vsock"

// Extras are the names of what hv-helper itself gives QEMU beside files and sockets, in the order of their numbers.
func (l *Launch) Extras() []string {
	var out []string
	if l.TPM {
		out = append(out, TPMSocket)
	}
	for _, s := range l.Shares {
		out = append(out, ShareSocket(s.Tag))
	}
	if l.Vsock {
		out = append(out, VsockFile)
	}
	return slices.Clip(out)
}

// VerbShares asks which virtiofsds of a running VM have ended: ByVM → SharesReply.
const VerbShares Verb = "shares"

// SharesReply says of each share whose virtiofsd has ended, by tag, how.
type SharesReply struct {
	Ended map[string]string `json:"ended,omitempty"`
}
