package probe

import (
	"encoding/json"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp/schema"
)

// aio are the ways in which a QEMU can hand requests of a disk to the kernel: what it was built with.
// Source: qapi/block-core.json, BlockdevAioOptions.
func aio(said json.RawMessage) []string {
	s, options := blockOptions(said)
	if options == nil {
		return nil
	}
	for _, v := range options.Variants {
		file := s.Entity(v.Type)
		if v.Case != "file" || file == nil {
			continue
		}
		for _, m := range file.Members {
			if e := s.Entity(m.Type); m.Name == "aio" && e != nil && e.Meta == schema.MetaEnum {
				return e.Values
			}
		}
	}
	return nil
}
