package recovery

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// How a key is hashed: argon2id (RFC 9106) with the least memory that OWASP names, because a key of 140 random bits
// is not to be guessed anyway, and the one who compares runs as root on any host.
const (
	memoryKiB = 19 << 10
	passes    = 2
	lanes     = 1
	hashBytes = 32
	// SaltBytes is how long a salt is.
	SaltBytes = 16
)

// scheme begins each hash, in the form of the PHC string that password hashes have.
const scheme = "$argon2id$v=19$m=19456,t=2,p=1$"

// Hash is a key's hash: all that is kept of it.
type Hash string

// HashOf hashes a key.
func HashOf(k Key, salt [SaltBytes]byte) Hash {
	b := base64.RawStdEncoding
	return Hash(scheme + b.EncodeToString(salt[:]) + "$" + b.EncodeToString(k.digest(salt[:])))
}

func (k Key) digest(salt []byte) []byte {
	return argon2.IDKey([]byte(k.Text()), salt, passes, memoryKiB, lanes, hashBytes)
}

// ParseHash reads a hash that somebody sent. Only one form is taken: other parameters would be a way to make who
// compares work for ever, or not at all.
func ParseHash(text string) (Hash, error) {
	if _, _, err := parts(text); err != nil {
		return "", fault.New(fault.Invalid, "this is no hash of a recovery key").Because(err).
			Try("hv phase harden makes the key and its hash").WithCode(CodeKey)
	}
	return Hash(text), nil
}

func parts(text string) (salt, digest []byte, err error) {
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return nil, nil, fmt.Errorf("it does not begin with %s", scheme)
	}
	left, right, _ := strings.Cut(rest, "$")
	b := base64.RawStdEncoding.Strict()
	salt, err = b.DecodeString(left)
	if err != nil || len(salt) != SaltBytes {
		return nil, nil, fmt.Errorf("its salt has not %d bytes", SaltBytes)
	}
	digest, err = b.DecodeString(right)
	if err != nil || len(digest) != hashBytes || strings.ContainsAny(text, "\r\n") {
		return nil, nil, fmt.Errorf("its hash has not %d bytes", hashBytes)
	}
	return salt, digest, nil
}

// Matches reports whether k is the key of the hash, in a time that says nothing of where they differ.
func (h Hash) Matches(k Key) bool {
	salt, digest, err := parts(string(h))
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare(digest, k.digest(salt)) == 1
}

// ID names a hash, and with it its key, so that the owner of several keys knows which one is meant. Nothing of the
// key can be learnt from it.
func (h Hash) ID() string {
	sum := sha256.Sum256([]byte(h))
	return hex.EncodeToString(sum[:4])
}
