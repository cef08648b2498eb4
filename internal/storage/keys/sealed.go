//go:build linux

package keys

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

const (
	form      = 1
	newSuffix = ".new"
	aside     = ".damaged" // ends the name of a file in whose place a new secret was made
	maxFile   = 64 << 10
)

// sealed is a key's file.
type sealed struct {
	Form  int             `json:"form"`
	Key   string          `json:"key"`
	Kind  storage.KeyKind `json:"kind"`
	KDF   kdf             `json:"argon2id"`
	Creds []byte          `json:"creds,omitempty"` // what systemd-creds made of the opener
	Nonce []byte          `json:"nonce"`
	Box   []byte          `json:"box"`
}

// kdf is how a sealer is made of an opener. Source: RFC 9106, the second recommended choice.
type kdf struct {
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory"` // KiB
	Threads uint8  `json:"threads"`
	Salt    []byte `json:"salt"`
}

// cost is what a new file takes to open; a file says itself what it takes.
type cost struct{ time, memory uint32 }

var usual = cost{3, 64 << 10}

func (c cost) fresh() kdf {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return kdf{Time: c.time, Memory: c.memory, Threads: 1, Salt: salt}
}

// sane refuses what would take all memory, or for ever.
func (d kdf) sane() bool {
	return d.Time >= 1 && d.Time <= 20 && d.Memory >= 8 && d.Memory <= 1<<20 && d.Threads >= 1 && d.Threads <= 16 && len(d.Salt) >= 8
}

func (d kdf) sealer(opener []byte) []byte {
	return argon2.IDKey(opener, d.Salt, d.Time, d.Memory, d.Threads, chacha20poly1305.KeySize)
}

// bound is what a box belongs to: it opens in no other file.
func (s sealed) bound() []byte {
	return []byte("hyper-nixos key 1\x00" + s.Key + "\x00" + string(s.Kind))
}

func (s sealed) open(sealer []byte) (content, error) {
	var c content
	box, err := chacha20poly1305.NewX(sealer)
	if err != nil {
		return c, err
	}
	if len(s.Nonce) != box.NonceSize() {
		return c, errors.New("a nonce of another length")
	}
	text, err := box.Open(nil, s.Nonce, s.Box, s.bound())
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, err
	}
	if c.Secrets[c.Current] == "" {
		return c, errors.New("it holds no secret")
	}
	return c, nil
}

func (s *sealed) close(sealer []byte, c content) error {
	box, err := chacha20poly1305.NewX(sealer)
	if err != nil {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	s.Nonce = make([]byte, box.NonceSize())
	_, _ = rand.Read(s.Nonce) // never fails
	s.Box = box.Seal(nil, s.Nonce, text, s.bound())
	return nil
}

// secret is a new one: 256 random bits, as text, which is what a passphrase of LUKS is.
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// read reads a key's file as it is sealed.
func (k *Keys) read(name string) (s sealed, err error) {
	damaged := func(cause error) error {
		return fault.New(fault.Unreadable, "the sealed file of key %q is damaged", name).Because(cause).WithCode(codeLost).
			Try("put %s.json back into the folder keys of the state folder, from a backup", name)
	}
	f, err := os.Open(k.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return s, fault.New(fault.NotFound, "key %q has no secret yet", name).WithCode(codeUnmade).Try("hv key unlock %s makes it", name)
	}
	if err != nil {
		return s, osfault.File(err, "cannot open the sealed file of key %q", name)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return s, osfault.File(err, "cannot read the sealed file of key %q", name)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, damaged(err)
	}
	if s.Form != form || s.Key != name || !s.KDF.sane() {
		return s, damaged(nil)
	}
	return s, nil
}

// write seals a key's content, durably, in place of what was there.
func (k *Keys) write(name string, s sealed, o *opened) error {
	if err := s.close(o.sealer, o.content); err != nil {
		return fault.New(fault.Internal, "cannot seal key %q", name).Because(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fault.New(fault.Internal, "cannot seal key %q", name).Because(err)
	}
	return osfault.File(k.replace(k.path(name), append(text, '\n')), "cannot write the sealed file of key %q", name)
}

func (k *Keys) replace(at string, text []byte) error {
	f, err := os.OpenFile(at+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(at+newSuffix, at)
	}
	if err != nil {
		return errors.Join(err, os.Remove(at+newSuffix))
	}
	return k.settle()
}

// settle makes names durable.
func (k *Keys) settle() (err error) {
	dir, err := os.Open(k.folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return dir.Sync()
}

func (k *Keys) remove(name string) error {
	var errs []error
	for _, at := range []string{k.path(name), k.path(name) + aside} { // a damaged one may open things still, mended
		if err := os.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return osfault.File(errors.Join(errors.Join(errs...), k.settle()), "cannot remove the sealed file of key %q", name)
}
