//go:build linux

// Package keys keeps the secrets that volumes are encrypted with, each sealed in a file of its own.
//
// What lives here: the sealed files, what opens them, and which secrets are open in memory. What does not: which keys are
// wished and who uses them (the store: action, reconcile), and headers of images (storage/luks).
//
// A key's secrets are random; all that seals them comes to one more secret: a passphrase, what systemd-creds opens, or what
// a program prints. Argon2id makes a key of that, and XChaCha20-Poly1305 seals the file with it. Every change of a
// file is one rename, so that a crash leaves the one before or the one after.
package keys

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Creds seals and opens with systemd-creds, which needs root for what only root may read.
type Creds interface {
	SealSecret(ctx context.Context, name, with string, secret []byte) (sealed []byte, err error)
	OpenSecret(ctx context.Context, name string, sealed []byte) (secret []byte, err error)
}

// Keys are the keys of a host.
type Keys struct {
	folder string
	creds  Creds
	cost   cost

	mu   sync.Mutex
	ring map[string]*one // by name
}

// opened is a key whose secrets are in memory.
type opened struct {
	sealer  []byte // what the file is sealed with
	content content
}

// content is what is sealed.
type content struct {
	Current int            `json:"current"` // which secret opens what is encrypted
	Secrets map[int]string `json:"secrets"`
}

// Open returns the keys of a folder, none of which is open.
func Open(folder string, creds Creds) (*Keys, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, osfault.File(err, "cannot make the folder of keys")
	}
	k := &Keys{folder: folder, creds: creds, cost: usual, ring: map[string]*one{}}
	if err := k.sweep(); err != nil {
		return nil, err
	}
	return k, nil
}

// sweep removes what a crash has left of a file that was being written.
func (k *Keys) sweep() error {
	left, err := filepath.Glob(filepath.Join(k.folder, "*"+newSuffix))
	for _, at := range left {
		err = errors.Join(err, os.Remove(at))
	}
	return osfault.File(err, "cannot tidy up the folder of keys")
}

// Reach says what a key's spec is, and how the key is; made that it had a secret once. One that needs nobody is opened.
func (k *Keys) Reach(ctx context.Context, key storage.Key, made bool) (storage.KeyStatus, error) {
	k.Know(key)
	if key.Spec.Effective().Kind != storage.PassphraseKey {
		err := k.openBySelf(ctx, key.Name)
		if err != nil && fault.CodeOf(err) != codeUnmade {
			st := storage.KeyStatus{State: storage.KeyLocked, Problem: err.Error(), Hint: fault.HintOf(err)}
			if fault.CodeOf(err) == codeLost {
				st.State = storage.KeyLost
			}
			return st, err
		}
	}
	return k.status(key, made), nil
}

func (k *Keys) status(key storage.Key, made bool) storage.KeyStatus {
	if o := k.now(key.Name); o != nil {
		st := storage.KeyStatus{State: storage.KeyUnlocked, Secret: o.content.Current}
		if len(o.content.Secrets) > 1 || key.Secret > o.content.Current {
			st.State = storage.KeyRotating
		}
		return st
	}
	_, err := k.read(key.Name)
	switch {
	case err == nil:
		return storage.KeyStatus{State: storage.KeyLocked}
	case fault.CodeOf(err) == codeUnmade && !made:
		return storage.KeyStatus{State: storage.KeyUnmade}
	case fault.CodeOf(err) == codeUnmade:
		err = lost(key.Name)
	}
	return storage.KeyStatus{State: storage.KeyLost, Problem: err.Error(), Hint: fault.HintOf(err)}
}

// The codes by which others know what keeps a key from being used.
const (
	codeUnmade = "HV-KEY-004"
	codeLocked = "HV-KEY-002"
	codeLost   = "HV-KEY-003"
)

func lost(name string) error {
	return fault.New(fault.NotFound, "the sealed file of key %q is gone: what is encrypted with it cannot be opened", name).WithCode(codeLost).
		Try("put %s.json back into the folder keys of the state folder, from a backup; there is no other way", name)
}

func locked(name string) error {
	return fault.New(fault.Precondition, "key %q is locked", name).WithCode(codeLocked).Try("hv key unlock %s", name)
}

// Make makes a key with its first secret, sealed by what its spec says, leaves it open, and reports that. One that is
// there already is unlocked.
func (k *Keys) Make(ctx context.Context, name string, spec storage.KeySpec, passphrase string) (made bool, err error) {
	if err := model.CheckName("key name", name); err != nil {
		return false, err
	}
	spec = spec.Effective()
	k.know(name, spec)
	release, err := k.hold(ctx, name)
	if err != nil {
		return false, err
	}
	defer release()
	if _, err := k.read(name); err == nil {
		return false, k.unlock(ctx, name, passphrase)
	} else if fault.CodeOf(err) != codeUnmade {
		return false, err
	}
	seal := sealed{Form: form, Key: name, Kind: spec.Kind, KDF: k.cost.fresh()}
	opener, err := k.opener(ctx, &seal, spec, passphrase)
	if err != nil {
		return false, err
	}
	o := &opened{sealer: seal.KDF.sealer(opener), content: content{Current: 1, Secrets: map[int]string{1: secret()}}}
	if err := k.write(name, seal, o); err != nil {
		return false, err
	}
	k.set(name, o)
	return true, nil
}

// Unlock opens a key. The passphrase is for those that have one.
func (k *Keys) Unlock(ctx context.Context, name, passphrase string) error {
	release, err := k.hold(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	err = k.unlock(ctx, name, passphrase)
	if fault.CodeOf(err) == codeUnmade { // who unlocks one has made it once
		return lost(name)
	}
	return err
}

// unlock opens a key; it is the caller's turn with it.
func (k *Keys) unlock(ctx context.Context, name, passphrase string) error {
	spec, known := k.spec(name)
	if !known {
		return unknown(name)
	}
	seal, err := k.read(name)
	if err != nil {
		return err
	}
	if seal.Kind != spec.Kind {
		return fault.New(fault.Conflict, "key %q is sealed by %s, and its spec says %s", name, seal.Kind, spec.Kind).WithCode("HV-KEY-005").
			Try("declare it with kind %s", seal.Kind)
	}
	opener, err := k.opener(ctx, &seal, spec, passphrase)
	if err != nil {
		return err
	}
	sealer := seal.KDF.sealer(opener)
	c, err := seal.open(sealer)
	if err != nil {
		return wrong(name, spec.Kind)
	}
	k.set(name, &opened{sealer: sealer, content: c})
	return nil
}

func wrong(name string, kind storage.KeyKind) error {
	err := fault.New(fault.Denied, "what was given does not open key %q", name).WithCode("HV-KEY-006")
	if kind == storage.PassphraseKey {
		return err.Try("say the passphrase again: hv key unlock %s", name)
	}
	return err.Try("hv key show %s says what seals it; it has to be the same as when the key was made", name)
}

func unknown(name string) error {
	return fault.New(fault.NotFound, "there is no key %q", name).WithCode("HV-KEY-001").Try("hv key list")
}

// Lock forgets a key's secrets. What is open goes on: QEMU has what it needs.
func (k *Keys) Lock(name string) {
	if release, err := k.hold(context.Background(), name); err == nil { // who changes its file would open it again
		defer release()
	}
	k.set(name, nil)
}

// Leave forgets a key, and removes its sealed file: what is encrypted with it can never be opened again.
func (k *Keys) Leave(name string) error {
	k.mu.Lock()
	if o := k.ring[name]; o != nil && o.opening != nil {
		o.opening.giveUp()
	}
	k.mu.Unlock()
	if release, err := k.hold(context.Background(), name); err == nil {
		defer release()
	}
	k.mu.Lock()
	if o := k.ring[name]; o != nil {
		o.open, o.spec = nil, nil
	}
	k.mu.Unlock()
	if model.CheckName("key name", name) != nil {
		return nil
	}
	return k.remove(name)
}

// Secret is what opens, now, what is encrypted with a key. One that needs nobody is opened for it.
func (k *Keys) Secret(ctx context.Context, name string) (string, error) {
	o, err := k.opened(ctx, name)
	if err != nil {
		return "", err
	}
	return o.content.Secrets[o.content.Current], nil
}

// File is Secret in a sealed memfd, for a QEMU: it reads it by the path of the descriptor.
func (k *Keys) File(ctx context.Context, name string) (*os.File, error) {
	text, err := k.Secret(ctx, name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("hv-key", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot hold key %q", name).Because(os.NewSyscallError("memfd_create", err))
	}
	f := os.NewFile(uintptr(fd), "hv-key")
	if _, err = f.WriteString(text); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot hold key %q", name).Because(errors.Join(err, f.Close()))
	}
	return f, nil
}

// opened is a key that is open, or what keeps it from that. It must not be the caller's turn with it: it may wait for that.
func (k *Keys) opened(ctx context.Context, name string) (*opened, error) {
	if o := k.now(name); o != nil {
		return o, nil
	}
	spec, known := k.spec(name)
	if !known {
		return nil, unknown(name)
	}
	if spec.Kind == storage.PassphraseKey {
		if _, err := k.read(name); err != nil {
			if fault.CodeOf(err) == codeUnmade {
				return nil, lost(name)
			}
			return nil, err
		}
		return nil, locked(name)
	}
	if err := k.openBySelf(ctx, name); err != nil {
		if fault.CodeOf(err) == codeUnmade {
			return nil, lost(name)
		}
		return nil, err
	}
	if o := k.now(name); o != nil {
		return o, nil
	}
	return nil, locked(name)
}

// openInTurn is a key that is open, with the caller's turn with it.
func (k *Keys) openInTurn(ctx context.Context, name string) (o *opened, release func(), err error) {
	if _, err := k.opened(ctx, name); err != nil {
		return nil, nil, err
	}
	if release, err = k.hold(ctx, name); err != nil {
		return nil, nil, err
	}
	if o = k.now(name); o == nil { // it was locked meanwhile
		release()
		return nil, nil, locked(name)
	}
	return o, release, nil
}

// Reseal seals a key's file by another passphrase. The one before opens it no more; secrets stay as they are.
func (k *Keys) Reseal(ctx context.Context, name, passphrase string) error {
	o, release, err := k.openInTurn(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	spec, _ := k.spec(name)
	seal := sealed{Form: form, Key: name, Kind: spec.Kind, KDF: k.cost.fresh()}
	opener, err := k.opener(ctx, &seal, spec, passphrase)
	if err != nil {
		return err
	}
	next := &opened{sealer: seal.KDF.sealer(opener), content: o.content}
	if err := k.write(name, seal, next); err != nil {
		return err
	}
	k.set(name, next)
	return nil
}

// Renew makes the secret of that number for a key whose file is gone or damaged. Nothing opens with it before it was given a place in
// the headers of what is encrypted; what is left of the file is kept beside it.
func (k *Keys) Renew(ctx context.Context, name string, spec storage.KeySpec, passphrase string, number int) error {
	if err := model.CheckName("key name", name); err != nil {
		return err
	}
	k.know(name, spec)
	release, err := k.hold(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	_, err = k.read(name)
	if err == nil || fault.CodeOf(err) != codeLost && fault.CodeOf(err) != codeUnmade {
		return errors.Join(err, fault.New(fault.Precondition, "the sealed file of key %q is there: it is not lost", name).Try("hv key unlock %s", name).WithCode("HV-KEY-033"))
	}
	spec = spec.Effective()
	seal := sealed{Form: form, Key: name, Kind: spec.Kind, KDF: k.cost.fresh()}
	opener, err := k.opener(ctx, &seal, spec, passphrase)
	if err != nil {
		return err
	}
	if err := os.Rename(k.path(name), k.path(name)+aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return osfault.File(err, "cannot put the damaged file of key %q aside", name)
	}
	o := &opened{sealer: seal.KDF.sealer(opener), content: content{Current: number, Secrets: map[int]string{number: secret()}}}
	if err := k.write(name, seal, o); err != nil {
		return err
	}
	k.set(name, o)
	return nil
}

// opener is what a file is opened by, before Argon2id. A fresh seal of systemd-creds gets it.
func (k *Keys) opener(ctx context.Context, seal *sealed, spec storage.KeySpec, passphrase string) ([]byte, error) {
	switch spec.Kind {
	case storage.PassphraseKey:
		if passphrase == "" {
			return nil, locked(seal.Key)
		}
		return []byte(passphrase), storage.CheckPassphrase(passphrase)
	case storage.CommandKey:
		out, err := printed(ctx, spec.Command)
		return out, fault.Wrap(err, "cannot open key %q", seal.Key)
	case storage.CredsKey:
		if k.creds == nil {
			return nil, fault.New(fault.Precondition, "there is no hv-helper to ask systemd-creds").WithCode("HV-KEY-008")
		}
		if seal.Creds == nil {
			opener := []byte(secret())
			var err error
			seal.Creds, err = k.creds.SealSecret(ctx, seal.Key, spec.With, opener)
			return opener, fault.Wrap(err, "cannot seal key %q", seal.Key)
		}
		out, err := k.creds.OpenSecret(ctx, seal.Key, seal.Creds)
		return out, fault.Wrap(err, "cannot open key %q", seal.Key)
	}
	return nil, fault.New(fault.Internal, "key %q is of kind %.20q", seal.Key, string(spec.Kind))
}

func (k *Keys) path(name string) string { return filepath.Join(k.folder, name+".json") }

// Names are the keys that there are sealed files of.
func (k *Keys) Names() ([]string, error) {
	all, err := filepath.Glob(filepath.Join(k.folder, "*.json"))
	var out []string
	for _, at := range all {
		out = append(out, strings.TrimSuffix(filepath.Base(at), ".json"))
	}
	return out, err
}
