package catalogue

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TunableType says what a tunable takes.
type TunableType string

// The types. Sizes and durations are written as everywhere in a declaration: "2GiB", "90s", "7d".
const (
	Boolean  TunableType = "boolean"
	Integer  TunableType = "integer"
	Size     TunableType = "size"
	Duration TunableType = "duration"
	Choice   TunableType = "choice"
	Text     TunableType = "text"
	ListOf   TunableType = "list" // of text
)

// Tunable is a setting of a feature. Those of a feature that is not in this build come with it.
type Tunable struct {
	Name    string      `json:"name"`
	Type    TunableType `json:"type"`
	Unit    string      `json:"unit,omitempty"`    // of an integer, a size, a duration
	Default string      `json:"default"`           // as it stands in a declaration; of a list: its entries, with blanks between
	Min     string      `json:"min,omitempty"`     // of an integer, a size, a duration
	Max     string      `json:"max,omitempty"`     // the same
	Choices []string    `json:"choices,omitempty"` // of a choice
	What    string      `json:"what"`
}

// none is the tunables of a feature that has none, said on purpose.
var none = []Tunable{}

func flag(name string, on bool, what string) Tunable {
	return Tunable{Name: name, Type: Boolean, Default: strconv.FormatBool(on), What: what}
}

func number(name, unit string, standard, low, high int, what string) Tunable {
	return Tunable{Name: name, Type: Integer, Unit: unit, Default: fmt.Sprint(standard), Min: fmt.Sprint(low), Max: fmt.Sprint(high), What: what}
}

func size(name, standard, low, high, what string) Tunable {
	return Tunable{Name: name, Type: Size, Unit: "bytes", Default: standard, Min: low, Max: high, What: what}
}

func lasting(name, standard, low, high, what string) Tunable {
	return Tunable{Name: name, Type: Duration, Unit: "seconds", Default: standard, Min: low, Max: high, What: what}
}

func choice(name, what string, values ...string) Tunable { // the first is the default
	return Tunable{Name: name, Type: Choice, Default: values[0], Choices: values, What: what}
}

func text(name, standard, what string) Tunable {
	return Tunable{Name: name, Type: Text, Default: standard, What: what}
}

func list(name, what string, standard ...string) Tunable {
	return Tunable{Name: name, Type: ListOf, Default: strings.Join(standard, " "), What: what}
}

// Range returns what t takes, for people: "1d to 365d", "on or off".
func (t Tunable) Range() string {
	switch t.Type {
	case Integer, Size, Duration:
		return t.Min + " to " + t.Max
	case Choice:
		return strings.Join(t.Choices, ", ")
	case Boolean:
		return "true, false"
	case Text:
		return "text"
	case ListOf:
		return "a list of texts"
	}
	return ""
}

// wrong says what is wrong with how t is written; empty where nothing is.
func (t Tunable) wrong() string {
	switch {
	case t.Name == "" || t.What == "":
		return "lacks a name, or what it does"
	case t.Type == Choice && (len(t.Choices) < 2 || !slices.Contains(t.Choices, t.Default)):
		return "has no choice, or a default that is none"
	case t.Type == Boolean && t.Default != "true" && t.Default != "false":
		return "has a default that is no boolean"
	case slices.Contains([]TunableType{Choice, Boolean, Text, ListOf}, t.Type):
		return ""
	case !slices.Contains([]TunableType{Integer, Size, Duration}, t.Type):
		return fmt.Sprintf("has the unknown type %q", t.Type)
	case t.Unit == "":
		return "has no unit"
	}
	low, lowOK := t.Type.measure(t.Min)
	high, highOK := t.Type.measure(t.Max)
	at, ok := t.Type.measure(t.Default)
	if !lowOK || !highOK || !ok || at < low || at > high || low >= high {
		return fmt.Sprintf("has the default %q, which is not from %q to %q", t.Default, t.Min, t.Max)
	}
	return ""
}

// units of sizes and durations, in their base: bytes and seconds.
var (
	sizeUnits     = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
	durationUnits = map[string]int64{"s": 1, "m": 60, "h": 3600, "d": int64(24 * time.Hour / time.Second)}
)

// measure returns what text is worth in the base of t's unit.
func (t TunableType) measure(text string) (int64, bool) {
	digits := strings.TrimRight(text, "KMGTiBsmhd")
	n, err := strconv.ParseInt(digits, 10, 64)
	factor, known := int64(1), digits == text
	switch t {
	case Size:
		factor, known = sizeUnits[text[len(digits):]], true
	case Duration:
		factor, known = durationUnits[text[len(digits):]], true
	case Integer, Boolean, Choice, Text, ListOf:
	}
	return n * factor, err == nil && known && factor > 0
}
