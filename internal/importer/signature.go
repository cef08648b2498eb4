package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Bounds of signatures and keyrings.
const (
	maxSignature = 64 << 10
	maxKeyring   = 8 << 20
)

// beside are the ends of the names under which distributions put a detached signature beside a file of sums.
var beside = []string{".gpg", ".sign", ".asc"}

// Sum fetches a file of sums and returns what it has for a file. Where the file is signed, in itself or beside it, the
// signature is checked with the keys that this host has: one that is wrong is refused, one whose key is not here is
// said to be not checked.
func (i *Importer) Sum(ctx context.Context, sums storage.Download, file string) (sum, signed string, err error) {
	sums.Most = MaxSums
	text, err := i.Text(ctx, sums)
	if err != nil {
		return "", "", fault.Wrap(err, "cannot fetch the sums")
	}
	text, signed, err = i.verify(ctx, sums, text)
	if err != nil {
		return "", "", err
	}
	sum, err = SumOf(text, file)
	return sum, signed, err
}

// verify returns what of the text is to be trusted, and by whom it is signed.
func (i *Importer) verify(ctx context.Context, sums storage.Download, text []byte) ([]byte, string, error) {
	if block, rest := clearsign.Decode(text); block != nil {
		if len(bytes.TrimSpace(rest)) > 0 {
			return nil, "", fault.New(fault.Denied, "there is something behind the signed part of %s", sums.URL).WithCode("HV-IMG-018")
		}
		keys := i.keys()
		signer, err := block.VerifySignature(keys, nil)
		said, err := judged(signer, err, sums.URL)
		return block.Plaintext, said, err
	}
	for _, end := range beside {
		d := sums
		d.URL, d.Most = sums.URL+end, maxSignature
		sig, err := i.Text(ctx, d)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, "", fault.Wrap(err, "cannot fetch the signature of the sums")
		}
		check := openpgp.CheckDetachedSignature
		if bytes.HasPrefix(bytes.TrimSpace(sig), []byte("-----BEGIN PGP")) {
			check = openpgp.CheckArmoredDetachedSignature
		}
		signer, err := check(i.keys(), bytes.NewReader(text), bytes.NewReader(sig), nil)
		said, err := judged(signer, err, sums.URL)
		return text, said, err
	}
	return text, "not checked: there is no signature", nil
}

// judged is what a check of a signature came to.
func judged(signer *openpgp.Entity, err error, of string) (string, error) {
	switch {
	case err == nil:
		name := ""
		if id := signer.PrimaryIdentity(); id != nil {
			name = id.Name + ", "
		}
		return fmt.Sprintf("by %skey %X", name, signer.PrimaryKey.Fingerprint), nil
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return "not checked: its key is not on this host", nil
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrSignatureExpired):
		return "not checked: " + err.Error(), nil
	}
	return "", fault.New(fault.Denied, "the signature of %s is wrong", of).Because(err).WithCode("HV-IMG-018").
		Try("do not use the image; tell those who publish it")
}

// keys are those of all keyrings that this host has; what cannot be read as one is passed over.
func (i *Importer) keys() openpgp.EntityList {
	var all openpgp.EntityList
	for _, path := range i.Keyrings {
		files := []string{path}
		if in, err := filepath.Glob(filepath.Join(path, "*")); err == nil && len(in) > 0 {
			slices.Sort(in)
			files = in
		}
		for _, name := range files {
			all = append(all, keyring(name)...)
		}
	}
	return all
}

func keyring(name string) openpgp.EntityList {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyring))
	if err != nil {
		return nil
	}
	read := openpgp.ReadKeyRing
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN PGP")) {
		read = openpgp.ReadArmoredKeyRing
	}
	keys, err := read(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	return keys
}
