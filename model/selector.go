package model

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Selector chooses objects by their labels: all of its requirements must hold. The empty one chooses
// everything.
type Selector []Requirement

// Requirement is what one label must be like. Not turns it round: a label that is absent is none of
// the values.
type Requirement struct {
	Key    string
	Values []string // one of these; none: the label is there
	Not    bool
}

// Bounds of a selector.
const (
	MaxSelector     = 1024 // bytes
	maxRequirements = 64
)

// ParseSelector reads "tier=web,env!=test,zone in (a,b),zone notin (c),beta,!old", the words of
// Kubernetes' label selectors.
func ParseSelector(s string) (Selector, error) {
	if len(s) > MaxSelector {
		return nil, fault.New(fault.Invalid, "the selector has %d bytes: at most %d", len(s), MaxSelector)
	}
	var sel Selector
	parts, err := selectorParts(s)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		r, err := parseRequirement(part)
		if err != nil {
			return nil, err
		}
		if sel = append(sel, r); len(sel) > maxRequirements {
			return nil, fault.New(fault.Invalid, "the selector has more than %d parts", maxRequirements)
		}
	}
	return sel, nil
}

// selectorParts cuts a selector at the commas that stand in no parentheses.
func selectorParts(s string) ([]string, error) {
	var parts []string
	from, inside := 0, false
	for i, r := range s {
		switch {
		case r == '(' && inside, r == ')' && !inside:
			return nil, selectorWrong(s, "its parentheses do not match")
		case r == '(' || r == ')':
			inside = r == '('
		case r == ',' && !inside:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	if inside {
		return nil, selectorWrong(s, "its parentheses do not match")
	}
	return append(parts, s[from:]), nil
}

func selectorWrong(part, why string) error {
	return fault.New(fault.Invalid, "selector %.80q: %s", part, why).Try("write it like tier=web,env!=test,zone in (a,b),!old")
}

func parseRequirement(part string) (Requirement, error) {
	r := Requirement{Key: part}
	key, rest, set := strings.Cut(part, "(")
	switch {
	case set:
		words := strings.Fields(key)
		list, closed := strings.CutSuffix(rest, ")")
		if len(words) != 2 || !closed || words[1] != "in" && words[1] != "notin" {
			return r, selectorWrong(part, "parentheses belong behind KEY in or KEY notin")
		}
		r.Key, r.Not = words[0], words[1] == "notin"
		for v := range strings.SplitSeq(list, ",") {
			r.Values = append(r.Values, strings.TrimSpace(v))
		}
	case strings.Contains(part, "!="):
		k, v, _ := strings.Cut(part, "!=")
		r = Requirement{Key: k, Values: []string{v}, Not: true}
	case strings.Contains(part, "="):
		k, v, _ := strings.Cut(part, "=")
		r = Requirement{Key: k, Values: []string{strings.TrimPrefix(v, "=")}}
	case strings.HasPrefix(part, "!"):
		r = Requirement{Key: part[1:], Not: true}
	}
	r.Key = strings.TrimSpace(r.Key)
	for i := range r.Values {
		r.Values[i] = strings.TrimSpace(r.Values[i])
		if !labelValue.MatchString(r.Values[i]) {
			return r, selectorWrong(part, "a value has up to 63 letters, digits, '.', '_' and '-'")
		}
	}
	if r.Key == "" {
		return r, selectorWrong(part, "a part is without a key")
	}
	if !labelKey.MatchString(r.Key) {
		return r, selectorWrong(part, "a key has up to 63 letters, digits, '.', '_', '-' and '/'")
	}
	return r, nil
}

// Matches reports whether labels meet every requirement.
func (s Selector) Matches(labels map[string]string) bool {
	for _, r := range s {
		v, has := labels[r.Key]
		if holds := has && (len(r.Values) == 0 || slices.Contains(r.Values, v)); holds == r.Not {
			return false
		}
	}
	return true
}

// String is the selector as it is read again.
func (s Selector) String() string {
	var parts []string
	for _, r := range s {
		op := " in ("
		if r.Not {
			op = " notin ("
		}
		switch {
		case len(r.Values) > 0:
			parts = append(parts, r.Key+op+strings.Join(r.Values, ",")+")")
		case r.Not:
			parts = append(parts, "!"+r.Key)
		default:
			parts = append(parts, r.Key)
		}
	}
	return strings.Join(parts, ",")
}
