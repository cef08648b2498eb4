// Package recovery is the key that leads a host out of the hardened phase: how it is written, read, and kept as
// a hash.
//
// What lives here: the key's form and its hash. What does not: making it random (who does hands the bytes in),
// and who compares and how often (hv-helper's seal).
package recovery

import (
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// CodeKey is the code of a text that is no recovery key. It is stable.
const CodeKey = "HV-PHASE-006"

// A key is seven groups of five signs, "ABCD1-…": 28 signs of Crockford's Base32, which are 140 bits, and at the end
// of each group one that checks it.
const (
	Random = groups * payload // random bytes that a key is made of
	// groups of payload signs and one that checks them
	groups  = 7
	payload = 4
)

// alphabet is Crockford's: no I, L, O, U.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Key is a recovery key. Its zero value is none.
type Key struct{ signs [Random]byte }

// New makes a key of random bytes, of which five bits each count.
func New(random [Random]byte) Key {
	var k Key
	for i, b := range random {
		k.signs[i] = b % byte(len(alphabet))
	}
	return k
}

// Parse reads a key as a person types it: case, spaces and dashes do not count, and O is 0, I and L are 1. It says
// which groups are mistyped; never what they were.
func Parse(text string) (Key, error) {
	var k Key
	signs, err := read(text)
	if err != nil {
		return k, err
	}
	var wrong []string
	for g := range groups {
		group := signs[g*(payload+1) : (g+1)*(payload+1)]
		if check(g, group[:payload]) != group[payload] {
			wrong = append(wrong, ordinals[g])
		}
		copy(k.signs[g*payload:], group[:payload])
	}
	if len(wrong) > 0 {
		return Key{}, noKey("the %s group of the recovery key is mistyped", strings.Join(wrong, " and the "))
	}
	return k, nil
}

var ordinals = [groups]string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh"}

// read turns a text into signs.
func read(text string) ([]byte, error) {
	const longest = 256
	if len(text) > longest {
		return nil, noKey("a recovery key has %d signs; this is longer", groups*(payload+1))
	}
	var signs []byte
	for _, r := range strings.ToUpper(text) {
		switch r {
		case ' ', '-', '\t', '\n', '\r':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		i := strings.IndexRune(alphabet, r)
		if i < 0 {
			return nil, noKey("a recovery key has letters and digits only")
		}
		signs = append(signs, byte(i)) // #nosec G115 -- an index into 32 signs
	}
	if len(signs) != groups*(payload+1) {
		return nil, noKey("a recovery key has %d signs; this has %d", groups*(payload+1), len(signs))
	}
	return signs, nil
}

func noKey(format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...).Try("type it as it was shown: %d groups of %d", groups, payload+1).WithCode(CodeKey)
}

// Text is the key as it is shown.
func (k Key) Text() string {
	var b strings.Builder
	for g := range groups {
		if g > 0 {
			b.WriteByte('-')
		}
		group := k.signs[g*payload : (g+1)*payload]
		for _, sign := range group {
			b.WriteByte(alphabet[sign])
		}
		b.WriteByte(alphabet[check(g, group)])
	}
	return b.String()
}

// String keeps a key out of logs and errors.
func (k Key) String() string { return "(a recovery key)" }

// GoString does, too.
func (k Key) GoString() string { return k.String() }

// check is the sign that checks a group: a sum in GF(32) in which each place has a weight of its own, so that one
// wrong sign and two that changed places are always found, and the group's number, so that groups that changed
// places are.
func check(group int, signs []byte) byte {
	sum := byte(group) // #nosec G115 -- of seven
	weight := byte(2)
	for _, s := range signs {
		sum ^= times(weight, s)
		weight = times(weight, 2)
	}
	return sum
}

// times multiplies in GF(32), modulo x^5 + x^2 + 1.
func times(a, b byte) byte {
	var out byte
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			out ^= a
		}
		if a <<= 1; a&32 != 0 {
			a ^= 0b100101
		}
	}
	return out
}
