package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// MaxFacts is how large a file of facts may be, in bytes: those of a host with a few hundred devices take a tenth.
const MaxFacts = 2 << 20

// ReadFacts reads what `hv host -o json` or `hv host check -o json` printed on some host. The error says where in the
// text something is wrong, and what to do; nothing of such a text is used. The notices name keys that are not known: a
// later hv wrote them, or they are slips of the pen.
func ReadFacts(name string, text []byte) (facts host.Facts, notices []string, err error) {
	if len(text) > MaxFacts {
		return host.Facts{}, nil, noFacts(name, "it has more than %d bytes", MaxFacts)
	}
	// What `hv host -o json` prints has the facts one level down.
	var outer struct {
		Facts json.RawMessage `json:"facts"`
	}
	inner, from := text, 0
	err = json.Unmarshal(text, &outer)
	if err == nil && outer.Facts != nil {
		inner, from = outer.Facts, max(0, bytes.Index(text, outer.Facts))
	}
	var got host.Facts
	if err == nil {
		err = json.Unmarshal(inner, &got)
	}
	if err != nil {
		return host.Facts{}, nil, noFacts(name, "%s", told(err, name, text, from))
	}
	if got.Version != host.Version {
		at := within(text, from+max(0, bytes.Index(inner, []byte(`"version"`))))
		at.File = name
		return host.Facts{}, nil, noFacts(name, "%s: version %d, this hv reads %d", at, got.Version, host.Version)
	}
	w := walkFacts(name, text, inner, from)
	if w.wrong != "" {
		return host.Facts{}, nil, noFacts(name, "%s", w.wrong)
	}
	return got, w.unknown, nil
}

func noFacts(name, format string, args ...any) error {
	return fault.New(fault.Unreadable, "cannot read the facts in %s", name).
		Because(fault.New(fault.Unreadable, format, args...)).Try("hv host -o json > facts.json, on that host")
}

// told is what is wrong with a text of JSON, and where. from is where the part stands that was read.
func told(err error, name string, text []byte, from int) string {
	var at finding.Position
	what := strings.TrimPrefix(err.Error(), "json: ")
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = within(text, from+int(bad.Offset)-1)
	}
	if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at = within(text, from+int(bad.Offset)-1)
		field := bad.Field
		if field == "" {
			field = "the whole"
		}
		article := "a"
		if strings.HasPrefix(bad.Value, "array") || strings.HasPrefix(bad.Value, "object") {
			article = "an"
		}
		what = fmt.Sprintf("%s is %s %s, and should not be", field, article, bad.Value)
	}
	at.File = name
	return at.String() + ": " + what
}

// within is the place of an offset in a text.
func within(text []byte, offset int) finding.Position {
	before := text[:max(0, min(offset, len(text)))]
	return finding.Position{Line: 1 + bytes.Count(before, []byte("\n")), Column: len(before) - bytes.LastIndexByte(before, '\n')}
}
