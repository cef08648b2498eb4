package luks

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// File is a header's place in an image that is open for reading and writing.
type File interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// New returns a header with a key of its own, which nobody has but who knows the secret. It is Size bytes long.
func New(secret string) ([]byte, error) {
	b := make([]byte, Size)
	be := binary.BigEndian
	copy(b, magic)
	be.PutUint16(b[6:], 1)
	copy(b[8:], "aes")
	copy(b[40:], "xts-plain64")
	copy(b[72:], "sha256")
	be.PutUint32(b[104:], Size/sector)
	be.PutUint32(b[108:], keySize)
	be.PutUint32(b[164:], rounds)
	key, id := random(keySize), random(16)
	copy(b[132:164], random(saltSize))
	digest, err := pbkdf2.Key(sha256.New, string(key), b[132:164], rounds, digestSize)
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot make a LUKS header").Because(err)
	}
	copy(b[112:], digest)
	copy(b[168:], fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]))
	for i := range slots {
		s := slot{state: inactive, at: uint32(firstArea + i*slotSectors), stripes: stripes}
		if i == 0 {
			var area []byte
			if s, area, err = s.filled(key, secret); err != nil {
				return nil, err
			}
			copy(b[int(s.at)*sector:], area)
		}
		copy(b[firstSlot+i*slotBytes:], s.bytes())
	}
	return b, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func (s slot) bytes() []byte {
	be := binary.BigEndian
	b := be.AppendUint32(be.AppendUint32(nil, s.state), s.rounds)
	b = append(b, s.salt[:]...)
	return be.AppendUint32(be.AppendUint32(b, s.at), s.stripes)
}

// filled is the slot as it is with a key in it that a secret opens, and what stands in its area.
func (s slot) filled(key []byte, secret string) (slot, []byte, error) {
	return s.filledBy(key, secret, rounds)
}

func (s slot) filledBy(key []byte, secret string, n uint32) (slot, []byte, error) {
	s.state, s.rounds = active, n
	copy(s.salt[:], random(saltSize))
	c, err := s.cipher(secret)
	if err != nil {
		return s, nil, err
	}
	area := split(key, random(keySize*(stripes-1)))
	for n := 0; n < len(area)/sector; n++ {
		part := area[n*sector : (n+1)*sector]
		c.Encrypt(part, part, uint64(n))
	}
	return s, area, nil
}

// Add has another secret open a header that have opens. One that does already is left. Cut off between any two of its
// writes it leaves a header that have opens.
func Add(f File, have, more string) error {
	h, err := read(f)
	if err != nil {
		return err
	}
	if _, _, there, err := h.open(f, more, false); err != nil || there {
		return err
	}
	_, key, ok, err := h.open(f, have, false)
	if err != nil {
		return err
	}
	if !ok {
		return Wrong()
	}
	for i, s := range h.slots {
		if s.state == active {
			continue
		}
		s, area, err := s.filled(key, more)
		if err != nil {
			return err
		}
		return put(f, i, s, area)
	}
	return fault.New(fault.Exhausted, "all %d keyslots of the LUKS header are taken", slots).WithCode("HV-KEY-021").
		Try("end the rotation before: hv key rotate")
}

// put fills a slot: its area, then all of its entry but that it is one, for a slot spans two sectors, which a power cut may part.
func put(f File, i int, s slot, area []byte) error {
	entry, at := s.bytes(), int64(firstSlot+i*slotBytes)
	for _, w := range []struct {
		at int64
		b  []byte
	}{{int64(s.at) * sector, area}, {at + 4, entry[4:]}, {at, entry[:4]}} {
		if _, err := f.WriteAt(w.b, w.at); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// wipe empties a slot, in the other order.
func wipe(f File, i int, s slot) error {
	empty := slot{state: inactive, at: s.at, stripes: stripes}
	for _, w := range []struct {
		at int64
		b  []byte
	}{
		{int64(firstSlot + i*slotBytes), empty.bytes()[:4]}, {int64(empty.at) * sector, random(keySize * stripes)}, {int64(firstSlot + i*slotBytes), empty.bytes()},
	} {
		if _, err := f.WriteAt(w.b, w.at); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// Drop has a secret open a header no more, if keep opens it: the last way in is never closed. What stood in the slot is
// overwritten. One that does not open it is none; a drop that was cut off is finished.
func Drop(f File, gone, keep string) error {
	h, err := read(f)
	if err != nil {
		return err
	}
	if gone == keep {
		return Last()
	}
	if _, _, ok, err := h.open(f, keep, false); err != nil {
		return err
	} else if !ok {
		return Last()
	}
	for {
		i, _, ok, err := h.open(f, gone, true)
		if err != nil || !ok {
			return err
		}
		if err := wipe(f, i, h.slots[i]); err != nil {
			return err
		}
		h.slots[i] = slot{state: inactive, at: h.slots[i].at, stripes: stripes}
	}
}

// Last is that a secret is the only one that opens a header.
func Last() error {
	return fault.New(fault.Precondition, "it would be the last secret that opens the LUKS header").WithCode("HV-KEY-022").
		Try("add another one first")
}

// Wrong is that a secret does not open a header.
func Wrong() error {
	return fault.New(fault.Denied, "the key does not open the LUKS header").WithCode("HV-KEY-023").
		Try("hv key list says which keys there are; a volume opens with the one that it was made with")
}
