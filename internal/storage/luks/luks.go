// Package luks writes and changes the headers of LUKS (version 1) by which an encrypted image is opened.
//
// What lives here: a new header, which secret opens one, and its keyslots. What does not: encrypting content, which QEMU
// does; where a header stands in an image (pools); the secrets themselves (keys).
//
// qemu-img could do the same, and takes two to four seconds of CPU for each header and each slot, for it measures how many rounds
// of PBKDF2 a passphrase needs. Ours are 256 random bits, which no number of rounds makes harder to guess; and what has a
// header open for reading (a backing layer of a VM that runs) QEMU cannot amend at all. Nothing but the header and the
// slots is ever written: QEMU reads them once, when it opens an image, so they may change while it runs.
//
// Source: LUKS On-Disk Format Specification 1.2.3; what QEMU takes is in crypto/block-luks.c.
package luks

import (
	"bytes"
	"crypto/aes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"io"

	"golang.org/x/crypto/xts"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

const (
	sector  = 512
	slots   = 8
	stripes = 4000
	keySize = 64 // of AES-256 in XTS mode: two keys

	headBytes  = 592
	firstSlot  = 208
	slotBytes  = 48
	digestSize = 20
	saltSize   = 32

	slotSectors = (keySize*stripes/sector + 7) / 8 * 8 // begins at multiples of 4 KiB, as QEMU has it
	firstArea   = 8                                    // sectors

	active   = 0x00AC71F3
	inactive = 0x0000DEAD

	// rounds are as many as there must be: what is stretched is random already.
	rounds = 1000
	// maxRounds bounds what a header of somebody else's may have us do: about as much as ten seconds.
	maxRounds = 20_000_000
)

// Size is how many bytes the header and its slots take: the content begins behind them.
const Size = (firstArea + slots*slotSectors) * sector

const magic = "LUKS\xba\xbe"

// slot is one place of a header for a secret.
type slot struct {
	state, rounds uint32
	salt          [saltSize]byte
	at, stripes   uint32 // sectors, of a header's begin
}

// header is what stands in the first bytes, as far as it is not the same for all that we take.
type header struct {
	payload uint32 // sectors
	digest  [digestSize]byte
	salt    [saltSize]byte
	rounds  uint32
	slots   [slots]slot
}

func refuse(why string, args ...any) *fault.Error {
	return fault.New(fault.Unreadable, "the LUKS header "+why, args...).WithCode("HV-KEY-020").Try("take the volume from a backup")
}

// read reads a header that we take: AES-256-XTS with SHA-256, as all have that this product makes.
func read(r io.ReaderAt) (header, error) {
	var h header
	b := make([]byte, headBytes)
	if _, err := r.ReadAt(b, 0); err != nil {
		return h, refuse("cannot be read").Because(err)
	}
	text := func(at int) string { return string(bytes.TrimRight(b[at:at+32], "\x00")) }
	be := binary.BigEndian
	switch {
	case string(b[:6]) != magic || be.Uint16(b[6:]) != 1:
		return h, refuse("is none of version 1")
	case text(8) != "aes" || text(40) != "xts-plain64" || text(72) != "sha256" || be.Uint32(b[108:]) != keySize:
		return h, refuse("is of a cipher that is not aes-256-xts with sha256")
	}
	h.payload, h.rounds = be.Uint32(b[104:]), be.Uint32(b[164:])
	copy(h.digest[:], b[112:])
	copy(h.salt[:], b[132:])
	if h.rounds == 0 || h.rounds > maxRounds || h.payload < firstArea || h.payload > 1<<16 {
		return h, refuse("is damaged")
	}
	for i := range h.slots {
		at := b[firstSlot+i*slotBytes:]
		s := slot{state: be.Uint32(at), rounds: be.Uint32(at[4:]), at: be.Uint32(at[40:]), stripes: be.Uint32(at[44:])}
		copy(s.salt[:], at[8:])
		if s.stripes != stripes || s.at < 2 || uint64(s.at)+keySize*stripes/sector > uint64(h.payload) || s.rounds > maxRounds {
			return h, refuse("has a damaged keyslot %d", i)
		}
		h.slots[i] = s
	}
	return h, nil
}

// Payload is where in a file with this header the content begins.
func Payload(r io.ReaderAt) (int64, error) {
	h, err := read(r)
	return int64(h.payload) * sector, err
}

// Opens reports whether a secret opens the header.
func Opens(r io.ReaderAt, secret string) (bool, error) {
	h, err := read(r)
	if err != nil {
		return false, err
	}
	_, _, ok, err := h.open(r, secret, false)
	return ok, err
}

// Active is how many of its eight keyslots are taken.
func Active(r io.ReaderAt) (int, error) {
	h, err := read(r)
	n := 0
	for _, s := range h.slots {
		if s.state == active {
			n++
		}
	}
	return n, err
}

// open finds the slot that a secret opens, and the key in it. stale looks at those too that were given up and may not
// be overwritten yet.
func (h header) open(r io.ReaderAt, secret string, stale bool) (n int, key []byte, ok bool, err error) {
	for i, s := range h.slots {
		if s.rounds == 0 || s.state != active && !stale {
			continue
		}
		key, err := s.key(r, secret)
		if err != nil {
			return 0, nil, false, err
		}
		digest, err := pbkdf2.Key(sha256.New, string(key), h.salt[:], int(h.rounds), digestSize)
		if err != nil {
			return 0, nil, false, refuse("cannot be tried").Because(err)
		}
		if subtle.ConstantTimeCompare(digest, h.digest[:]) == 1 {
			return i, key, true, nil
		}
	}
	return 0, nil, false, nil
}

// key is what a secret makes of a slot: the volume's key, or nonsense.
func (s slot) key(r io.ReaderAt, secret string) ([]byte, error) {
	area := make([]byte, keySize*stripes)
	if _, err := r.ReadAt(area, int64(s.at)*sector); err != nil {
		return nil, refuse("is cut off").Because(err)
	}
	c, err := s.cipher(secret)
	if err != nil {
		return nil, err
	}
	for n := 0; n < len(area)/sector; n++ {
		part := area[n*sector : (n+1)*sector]
		c.Decrypt(part, part, uint64(n))
	}
	return merge(area), nil
}

func (s slot) cipher(secret string) (*xts.Cipher, error) {
	key, err := pbkdf2.Key(sha256.New, secret, s.salt[:], int(s.rounds), keySize)
	if err != nil {
		return nil, refuse("cannot be tried").Because(err)
	}
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		return nil, refuse("cannot be tried").Because(err)
	}
	return c, nil
}

// diffuse spreads every bit of a stripe over all of it (AF splitter, chapter 2.4).
func diffuse(b []byte) {
	for i := 0; i*sha256.Size < len(b); i++ {
		part := b[i*sha256.Size : min((i+1)*sha256.Size, len(b))]
		sum := sha256.Sum256(append(binary.BigEndian.AppendUint32(nil, uint32(i)), part...))
		copy(part, sum[:])
	}
}

func merge(area []byte) []byte {
	d := make([]byte, keySize)
	for n := range stripes {
		subtle.XORBytes(d, d, area[n*keySize:(n+1)*keySize])
		if n < stripes-1 {
			diffuse(d)
		}
	}
	return d
}

// split is the opposite of merge, with what random gives.
func split(key, random []byte) []byte {
	area := append([]byte(nil), random...)
	area = append(area, make([]byte, keySize)...)
	d := make([]byte, keySize)
	for n := range stripes - 1 {
		subtle.XORBytes(d, d, area[n*keySize:(n+1)*keySize])
		diffuse(d)
	}
	subtle.XORBytes(area[(stripes-1)*keySize:], d, key)
	return area
}
