package view

import (
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// ListOptions say which part of a list is wanted.
type ListOptions struct {
	Limit    int    // items in a page; 0 means DefaultPage, more than MaxPage means MaxPage
	Cursor   string // Next of the page before
	Selector string // labels: "tier=web,env!=test,beta"
	Filter   string // text that the name contains
}

// Pages of lists.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

func (o ListOptions) limit() int {
	if o.Limit <= 0 {
		return DefaultPage
	}
	return min(o.Limit, MaxPage)
}

// requirement is one part of a selector.
type requirement struct {
	key, value string
	not, any   bool // key!=value; key alone
}

// selector is a conjunction of requirements.
type selector []requirement

// maxSelector bounds a selector.
const maxSelector = 1024

// parseSelector reads "a=b,c!=d,e": labels that must be, must not be, must be there.
func parseSelector(s string) (selector, error) {
	if len(s) > maxSelector {
		return nil, fault.New(fault.Invalid, "the selector has %d bytes: at most %d", len(s), maxSelector)
	}
	var sel selector
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		r := requirement{key: part, any: true}
		if k, v, ok := strings.Cut(part, "!="); ok {
			r = requirement{key: k, value: v, not: true}
		} else if k, v, ok := strings.Cut(part, "="); ok {
			r = requirement{key: k, value: strings.TrimPrefix(v, "=")}
		}
		if r.key = strings.TrimSpace(r.key); r.key == "" {
			return nil, fault.New(fault.Invalid, "selector %q has a part without a key", s).Try("write it like tier=web,env!=test")
		}
		sel = append(sel, r)
	}
	return sel, nil
}

// matches reports whether labels meet every requirement.
func (s selector) matches(labels map[string]string) bool {
	for _, r := range s {
		v, has := labels[r.key]
		switch {
		case r.any && !has, !r.any && !r.not && (!has || v != r.value), r.not && has && v == r.value:
			return false
		}
	}
	return true
}
