package luks

import (
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Rounds is, for AddAt, how often what a person has made up is stretched before it opens a slot: nothing else keeps who has the disk from
// guessing. Whoever opens an image tries its slots in turn, so one such stands behind those of keys.
const Rounds = 600_000

// Slot is one keyslot as it is seen.
type Slot struct {
	Active bool
	Made   bool // of random bits, as the secrets of keys are: it costs nothing to try
}

// Slots are all of a header's.
func Slots(r io.ReaderAt) (out [slots]Slot, err error) {
	h, err := read(r)
	for i, s := range h.slots {
		out[i] = Slot{Active: s.state == active, Made: s.rounds <= rounds}
	}
	return out, err
}

// Opened is which slot a secret opens, if it opens one.
func Opened(r io.ReaderAt, secret string) (n int, ok bool, err error) {
	h, err := read(r)
	if err != nil {
		return 0, false, err
	}
	n, _, ok, err = h.open(r, secret, false)
	return n, ok, err
}

// AddAt is Add of what a person has made up, stretched by so many rounds, into a slot of its own. Where it is there already nothing is done; another one's is kept.
func AddAt(f File, n int, have, more string, rounds uint32) error {
	h, err := read(f)
	if err != nil {
		return err
	}
	if n < 0 || n >= slots {
		return NoSlot(n)
	}
	s := h.slots[n]
	if s.state == active {
		alone := h
		for i := range alone.slots {
			if i != n {
				alone.slots[i].state = inactive
			}
		}
		if _, _, same, err := alone.open(f, more, false); err != nil || same {
			return err
		}
		return Taken(n)
	}
	_, key, ok, err := h.open(f, have, false)
	if err != nil {
		return err
	}
	if !ok {
		return Wrong()
	}
	s, area, err := s.filledBy(key, more, rounds)
	if err != nil {
		return err
	}
	return put(f, n, s, area)
}

// Taken is that another one's secret opens a slot.
func Taken(n int) error {
	return fault.New(fault.Conflict, "keyslot %d of the LUKS header is taken", n).WithCode("HV-KEY-021").Try("leave the number out: one that is free is taken then")
}

// OfKey is that a slot is what a key opens.
func OfKey(n int) error {
	return fault.New(fault.Precondition, "keyslot %d is what a key opens", n).WithCode("HV-KEY-030").
		Try("remove the slot of a passphrase; or --force, where a recovery passphrase is to be the only one that opens it")
}

// NoSlot is that a header has no slot of that number.
func NoSlot(n int) error {
	return fault.New(fault.Invalid, "there is no keyslot %d: they are 0 to %d", n, slots-1)
}

// Wipe empties a slot, and leaves one that is empty. keep must open another one; where force is, any other that is taken will do.
func Wipe(f File, n int, keep string, force bool) error {
	h, err := read(f)
	if err != nil {
		return err
	}
	if n < 0 || n >= slots {
		return NoSlot(n)
	}
	if h.slots[n].state != active {
		return wipe(f, n, h.slots[n]) // what an end in the middle has left of it
	}
	others := h
	others.slots[n].state = inactive
	stays := false
	for _, s := range others.slots {
		stays = stays || s.state == active
	}
	if stays && !force {
		_, _, stays, err = others.open(f, keep, false)
	}
	if err != nil {
		return err
	}
	if !stays {
		return Last()
	}
	if h.slots[n].rounds <= rounds && !force { // a rotation may have filled it since somebody looked
		return OfKey(n)
	}
	return wipe(f, n, h.slots[n])
}
