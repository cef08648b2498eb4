package vm

import (
	"cmp"
	"slices"
)

// InTurn is s with turns that one machine can have. What a process has been given and has given back while it ran brought turns of the
// order that is wished by now, which its other devices do not have yet: two may say the same one, and boot.order may name what has gone.
// Where that is so the devices keep their turns relative to each other, and the order is theirs alone.
func (s Spec) InTurn() Spec {
	var c check
	c.bootOrder(s)
	if len(c.found) == 0 {
		return s
	}
	s = s.Clone()
	var turns []string
	for _, path := range s.BootDevices() {
		if s.bootIndex(path) > 0 {
			turns = append(turns, path)
		}
	}
	slices.SortStableFunc(turns, func(a, b string) int { return cmp.Compare(s.bootIndex(a), s.bootIndex(b)) })
	for i, path := range turns {
		s.setBootIndex(path, i+1)
	}
	if s.Boot != nil {
		s.Boot.Order = nil
	}
	return s
}
