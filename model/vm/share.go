package vm

import "github.com/hyper-nixos/hyper-nixos/model"

// Share is a folder of the host's that the guest mounts by virtiofs. It is named as root has declared it; a spec has no path.
type Share struct {
	Share    string `json:"share"`
	ReadOnly bool   `json:"readOnly,omitempty"` // also where the share itself is not
}

// Bounds of shares. A tag has 36 bytes in struct virtio_fs_config of linux/virtio_fs.h.
const (
	MaxShares = 8
	maxTag    = 36
)

func (c *check) shares(s Spec) {
	if len(s.Shares) > MaxShares {
		c.say("shares", "", "%d shares are more than %d", len(s.Shares), MaxShares)
	}
	for _, tag := range sortedKeys(s.Shares) {
		path := "shares." + tag
		c.err(path, model.CheckName("mount tag", tag))
		if len(tag) > maxTag {
			c.say(path, "", "a mount tag has at most %d bytes", maxTag)
		}
		c.err(path+".share", model.CheckName("share name", s.Shares[tag].Share))
	}
}
