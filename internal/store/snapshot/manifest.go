// Package snapshot keeps copies of the store in a folder: each a file with a manifest that says what it is
// and has its checksum, a bounded number of them.
//
// What lives here: the files, their manifests, which are kept. What does not: what is in a copy and how it is
// made or put back (store/local), and when one is taken (store/local, daemon).
package snapshot

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Reason says why a snapshot was taken.
type Reason string

// The reasons.
const (
	Start     Reason = "start"     // hvd came up
	Schedule  Reason = "schedule"  // time has passed and something has changed
	Changes   Reason = "changes"   // much has changed
	Migration Reason = "migration" // the form of the file is about to change
	Asked     Reason = "asked"     // hv store snapshot
)

var reasons = []Reason{Start, Schedule, Changes, Migration, Asked}

// Form is the version of the manifest.
const Form = 1

// MaxManifest bounds a manifest, in bytes.
const MaxManifest = 4 << 10

// Manifest says what one snapshot is.
type Manifest struct {
	Form     int       `json:"form"`
	Name     string    `json:"name"`
	Time     time.Time `json:"time"`
	Reason   Reason    `json:"reason"`
	Schema   int64     `json:"schema"`   // of the file
	Revision int64     `json:"revision"` // of the store that it is a copy of
	Keys     int64     `json:"keys"`     // that held then
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"` // of the file, hex
}

var nameForm = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9]{1,15}$`)

// Name returns the name of a snapshot: it sorts by time, and is unique while a second makes no two of one
// revision.
func Name(t time.Time, revision int64) string {
	return fmt.Sprintf("%s-%d", t.UTC().Format("20060102T150405Z"), revision)
}

// CheckName refuses what is no name of a snapshot: a path above all.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fault.New(fault.Invalid, "%.80q is no name of a snapshot", name).Try("hv store list").WithCode("HV-STORE-005")
	}
	return nil
}

// Encode returns the manifest as it is written.
func (m Manifest) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// Decode reads a manifest. What it returns is well formed: names no path, nothing is negative.
func Decode(b []byte) (Manifest, error) {
	if len(b) > MaxManifest {
		return Manifest{}, unreadable(fmt.Errorf("it has %d bytes", len(b)))
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var m Manifest
	if err := d.Decode(&m); err != nil {
		return Manifest{}, unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, unreadable(errors.New("there is more after it"))
	}
	sum, err := hex.DecodeString(m.SHA256)
	switch {
	case m.Form != Form:
		return Manifest{}, unreadable(fmt.Errorf("its form is %d, known here is %d", m.Form, Form))
	case CheckName(m.Name) != nil:
		return Manifest{}, unreadable(fmt.Errorf("it names %.80q", m.Name))
	case err != nil || len(sum) != 32:
		return Manifest{}, unreadable(errors.New("it has no checksum"))
	case m.Schema < 1 || m.Revision < 0 || m.Keys < 0 || m.Bytes < 1:
		return Manifest{}, unreadable(errors.New("a number in it is out of bounds"))
	case m.Time.IsZero() || m.Time.Year() < 1 || m.Time.Year() > 9999:
		return Manifest{}, unreadable(errors.New("it has no time"))
	case !known(m.Reason):
		return Manifest{}, unreadable(fmt.Errorf("its reason is %.80q", m.Reason))
	}
	return m, nil
}

func known(r Reason) bool {
	for _, have := range reasons {
		if r == have {
			return true
		}
	}
	return false
}

func unreadable(cause error) error {
	return fault.New(fault.Unreadable, "the manifest of a snapshot cannot be read").Because(cause)
}
