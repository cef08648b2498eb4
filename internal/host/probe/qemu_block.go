package probe

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp/schema"
)

// blockDrivers are the disk formats and protocols that a QEMU was built with: what blockdev-add takes as its driver.
// One that is packaged apart is among them, installed or not.
// Source: qapi/block-core.json, BlockdevDriver.
func blockDrivers(said json.RawMessage) []string {
	s, options := blockOptions(said)
	if options == nil {
		return nil
	}
	for _, m := range options.Members {
		if e := s.Entity(m.Type); m.Name == options.Tag && e != nil && e.Meta == schema.MetaEnum {
			return slices.Sorted(slices.Values(e.Values))
		}
	}
	return nil
}

// blockOptions are what blockdev-add takes, and the schema that they are of; nil where it says no such thing.
func blockOptions(said json.RawMessage) (*schema.Schema, *schema.Entity) {
	s, err := schema.Read(bytes.NewReader(said))
	if err != nil {
		return nil, nil
	}
	add := s.Command("blockdev-add")
	if add == nil {
		return s, nil
	}
	options := s.Entity(add.Args)
	return s, options
}
