package catalogue

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Backend is where a host's data lies.
type Backend string

// The backends of the specification's Storage Backends table.
const (
	Local Backend = "Local"
	NFS   Backend = "NFS"
	ISCSI Backend = "iSCSI"
	S3    Backend = "S3"
	Ceph  Backend = "Ceph"
)

// Backends returns them in the specification's order.
func Backends() []Backend { return []Backend{Local, NFS, ISCSI, S3, Ceph} }

// StorageUse is what a backend is asked to do.
type StorageUse string

// The rows of the Storage Backends table.
const (
	VMStorage        StorageUse = "VM Storage"
	BackupTarget     StorageUse = "Backup Target"
	Migration        StorageUse = "Live Migration"
	EncryptionAtRest StorageUse = "Encryption"
)

// BackendOf returns the backend that a word of a declaration names: "local", "s3"; false where it is none.
func BackendOf(word string) (Backend, bool) {
	for _, b := range Backends() {
		if strings.EqualFold(word, string(b)) {
			return b, true
		}
	}
	return "", false
}

// StorageSupport says how b does for use.
func (c *Catalogue) StorageSupport(b Backend, use StorageUse) Support {
	s, _ := c.Ask(StorageBackends, string(use), string(b)) // a backend is one of the table's columns
	return s
}

// StorageFinding holds a backend against a use, at the path of a declaration where it stands: refused with the
// backends that would do, limited with what is lost, or nothing (false).
func (c *Catalogue) StorageFinding(b Backend, use StorageUse, path string) (finding.Finding, bool) {
	s := c.StorageSupport(b, use)
	if !s.Mark.Short() {
		return finding.Finding{}, false
	}
	f := finding.Finding{
		Code: CodeStorageLimited, Severity: finding.Limited, Path: path, Subject: []string{string(b), string(use)},
		What: fmt.Sprintf("%s is limited as %s", b, use), Why: s.Reason, Remedy: s.Remedy,
		Source: "compatibility matrix: Storage Backends; reading the matrix: decision 8",
	}
	if s.Mark == Nothing {
		t, _ := c.Table(StorageBackends)
		full, _ := t.Fit(string(use))
		f.Code, f.Severity = CodeStorageRefused, finding.Refused
		f.What = fmt.Sprintf("%s cannot be used as %s; these can: %s", b, use, strings.Join(full, ", "))
	}
	return f, true
}

// The codes of findings about storage backends.
const (
	CodeStorageRefused = "HV-VOL-021"
	CodeStorageLimited = "HV-VOL-022"
)
