package view

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/wire"
)

// row is one item of a list: encoded once, when it changes.
type row struct {
	name   string
	labels map[string]string
	item   json.RawMessage
}

// table keeps rows in the order of their keys, so that a page costs what it holds.
type table struct {
	keys []string
	rows map[string]row
}

func newTable() *table { return &table{rows: map[string]row{}} }

func (t *table) put(key string, r row) {
	if _, have := t.rows[key]; !have {
		i, _ := slices.BinarySearch(t.keys, key)
		t.keys = slices.Insert(t.keys, i, key)
	}
	t.rows[key] = r
}

func (t *table) drop(key string) {
	if _, have := t.rows[key]; !have {
		return
	}
	delete(t.rows, key)
	if i, found := slices.BinarySearch(t.keys, key); found {
		t.keys = slices.Delete(t.keys, i, i+1)
	}
}

// page returns the rows whose keys begin with prefix and that opt wants. Total counts them on all
// pages, which costs a look at each only where there is a selector or a filter.
func (t *table) page(prefix string, opt ListOptions) (wire.Page, error) {
	sel, err := parseSelector(opt.Selector)
	if err != nil {
		return wire.Page{}, err
	}
	p := wire.Page{Items: []json.RawMessage{}}
	from, _ := slices.BinarySearch(t.keys, prefix)
	limit, last := opt.limit(), ""
	for _, key := range t.keys[from:] {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		r := t.rows[key]
		if !sel.matches(r.labels) || !strings.Contains(r.name, opt.Filter) {
			continue
		}
		p.Total++
		if key <= opt.Cursor {
			continue
		}
		if len(p.Items) < limit {
			p.Items, last = append(p.Items, r.item), key
		} else {
			p.Next = last
		}
	}
	return p, nil
}
