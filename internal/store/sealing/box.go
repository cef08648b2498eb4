package sealing

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"errors"
)

// A box is a JSON string: `"sealed:1:<the key's name>:<what is in it>:<base64>"`.
const (
	boxHead = `"sealed:1:`
	nameLen = 8   // letters of a key's name
	asText  = 't' // in it is the JSON string, quotes and all
	asBytes = 'b' // in it are the bytes whose base64 the JSON string was
	headLen = len(boxHead) + nameLen + len(":b:")
)

// box seals and opens with one key.
type box struct {
	name   string
	aead   cipher.AEAD
	forget bool // what another key has sealed is read as empty
}

func newBox(k *key) *box {
	block, err := aes.NewCipher(k.Secret)
	if err != nil {
		panic(err) // of another length: readKey lets none through
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return &box{name: k.name(), aead: aead}
}

// seal returns the box of a JSON string in the value of a key: it opens nowhere else.
func (b *box) seal(key string, literal []byte) []byte {
	in, how := literal, byte(asText)
	if raw, ok := exactBase64(literal[1 : len(literal)-1]); ok {
		in, how = raw, asBytes // base64 of base64 would outgrow what a value may be
	}
	sealed := b.aead.Seal(nil, nil, in, []byte(key)) // #nosec G407 -- this AEAD makes its nonce itself
	out := make([]byte, 0, headLen+base64.RawStdEncoding.EncodedLen(len(sealed))+1)
	out = append(out, boxHead...)
	out = append(out, b.name...)
	out = append(out, ':', how, ':')
	out = base64.RawStdEncoding.AppendEncode(out, sealed)
	return append(out, '"')
}

// open returns what a box holds, as the JSON string that it was.
func (b *box) open(key string, literal []byte) ([]byte, error) {
	name, how, text, ok := split(literal)
	if !ok {
		return literal, nil // an earlier build left it in clear
	}
	if name != b.name {
		if b.forget {
			return []byte(`""`), nil
		}
		return nil, errors.New("another key has sealed it")
	}
	sealed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("it is damaged")
	}
	in, err := b.aead.Open(nil, nil, sealed, []byte(key))
	if err != nil {
		return nil, errors.New("it is damaged, or was taken from another object")
	}
	if how == asBytes {
		return []byte(`"` + base64.StdEncoding.EncodeToString(in) + `"`), nil
	}
	return in, nil
}

// split takes a box apart, without opening it.
func split(literal []byte) (name string, how byte, text string, ok bool) {
	if len(literal) < headLen+1 || !bytes.HasPrefix(literal, []byte(boxHead)) || literal[len(literal)-1] != '"' {
		return "", 0, "", false
	}
	rest := literal[len(boxHead):]
	name, how = string(rest[:nameLen]), rest[nameLen+1]
	if _, err := hex.DecodeString(name); err != nil || rest[nameLen] != ':' || (how != asText && how != asBytes) || rest[nameLen+2] != ':' {
		return "", 0, "", false
	}
	return name, how, string(rest[nameLen+3 : len(rest)-1]), true
}

// exactBase64 decodes text if encoding it again gives the same.
func exactBase64(text []byte) ([]byte, bool) {
	const worth = 1 << 10
	if len(text) < worth {
		return nil, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
	return raw, err == nil
}
