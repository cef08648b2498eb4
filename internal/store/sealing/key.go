package sealing

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

const (
	form      = 1
	secretLen = 32
	maxFile   = 4 << 10
)

// key is the file beside the store.
type key struct {
	Form   int    `json:"form"`
	Secret []byte `json:"secret"`
	// Whole says that nothing lies in clear in the store any more: that need not be looked for.
	Whole bool `json:"whole"`

	kept bool // it is on the disk
}

// name tells keys apart, and nothing of the secret.
func (k *key) name() string {
	sum := sha256.Sum256(append([]byte("hyper-nixos store key's name\x00"), k.Secret...))
	return hex.EncodeToString(sum[:nameLen/2])
}

// readKey reads a key's file, or makes a key that is on no disk yet.
func readKey(path string) (*key, error) {
	f, err := os.Open(path) // #nosec G304 -- in the state folder
	if errors.Is(err, fs.ErrNotExist) {
		k := &key{Form: form, Secret: make([]byte, secretLen)}
		_, _ = rand.Read(k.Secret) // never fails
		return k, nil
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, unreadable(path, err)
	}
	k := &key{kept: true}
	if err := json.Unmarshal(text, k); err != nil || k.Form != form || len(k.Secret) != secretLen {
		return nil, unreadable(path, errors.New("it is not what was written")) // what it holds stands in no message
	}
	return k, nil
}

func unreadable(path string, cause error) error {
	return fault.New(fault.Unreadable, "the key of the store's secrets, %s, cannot be read", path).Because(cause).
		Try("put the file back from where you keep a copy; where there is none: move it away, then sudo hv store forget-secrets").WithCode(CodeNoKey)
}

// write puts the key on the disk, whole or not at all.
func (k *key) write(path string) error {
	text, err := json.Marshal(k) // #nosec G117 -- into the file that is for it
	if err == nil {
		err = replaceFile(path, text)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot write the key of the store's secrets").Because(err).Try("see to it that there is room and that hvd may write in %s", filepath.Dir(path))
	}
	k.kept = true
	return nil
}

// replaceFile writes a file for us alone, on the disk when it returns.
func replaceFile(path string, content []byte) error {
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- in the state folder
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
