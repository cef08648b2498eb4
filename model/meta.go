// Package model holds the words that every kind of object shares: its metadata, names, sizes.
// The kinds themselves stand in the folders below it, one folder a kind.
//
// What does not live here: anything that acts. All of model is pure and public; its JSON tags are
// the v1 schema, in which fields are added and never renamed.
package model

import (
	"regexp"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// DefaultProject is the project of whoever names none.
const DefaultProject = "default"

// Origin says who keeps an object as it is.
type Origin string

// The origins.
const (
	Declared Origin = "declared" // stands in the host's declaration, and is edited there only
	Manual   Origin = "manual"   // made by CLI or API; `hv config apply` never touches it
	Released Origin = "released" // stood in the declaration once; its owner's to edit, delete or declare again
)

// Metadata is what every object carries beside its spec.
type Metadata struct {
	Name       string            `json:"name"`
	Project    string            `json:"project"`
	UID        string            `json:"uid"` // UUID of this object; another object of the same name has another
	Labels     map[string]string `json:"labels,omitempty"`
	Origin     Origin            `json:"origin"`
	Generation int64             `json:"generation"` // counts edits of the spec, from 1
	Revision   int64             `json:"revision"`   // the store's, of the last write of the spec; the ETag
	Created    time.Time         `json:"created"`
	Deleted    *time.Time        `json:"deleted,omitempty"` // asked to be deleted; gone once its hands have let go of it
}

// Ref names one object.
type Ref struct {
	Project string `json:"project"`
	Name    string `json:"name"`
}

func (r Ref) String() string {
	if r.Project == "" || r.Project == DefaultProject {
		return r.Name
	}
	return r.Project + "/" + r.Name
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckName refuses what is not a DNS label (RFC 1123: 1 to 63 of a-z, 0-9 and -, a letter or digit
// at both ends). what names the thing in the error: "vm name".
func CheckName(what, name string) error {
	if label.MatchString(name) {
		return nil
	}
	return fault.New(fault.Invalid, "%s %.80q is not 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends", what, name)
}

var labelKey = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)
var labelValue = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$`)

// MaxLabels bounds the labels of one object.
const MaxLabels = 64

// CheckLabels refuses labels that a selector could not name. All that is wrong is told.
func CheckLabels(labels map[string]string) []error {
	var errs []error
	if len(labels) > MaxLabels {
		errs = append(errs, fault.New(fault.Invalid, "%d labels are more than %d", len(labels), MaxLabels))
	}
	for k, v := range labels {
		if !labelKey.MatchString(k) || !labelValue.MatchString(v) {
			errs = append(errs, fault.New(fault.Invalid, "label %.80q = %.80q: keys and values are up to 63 letters, digits, '.', '_' and '-' (keys also '/')", k, v))
		}
	}
	return errs
}
