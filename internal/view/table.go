package view

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
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
	sel, err := model.ParseSelector(opt.Selector)
	if err != nil {
		return wire.Page{}, err
	}
	keys := t.under(prefix)
	if len(sel) == 0 && opt.Filter == "" {
		return t.cut(keys, opt), nil
	}
	var wanted []string
	for _, key := range keys {
		if r := t.rows[key]; strings.Contains(r.name, opt.Filter) && sel.Matches(r.labels) {
			wanted = append(wanted, key)
		}
	}
	return t.cut(wanted, opt), nil
}

// under returns the keys that begin with prefix.
func (t *table) under(prefix string) []string {
	from, _ := slices.BinarySearch(t.keys, prefix)
	n, _ := slices.BinarySearchFunc(t.keys[from:], prefix, func(key, prefix string) int {
		if strings.HasPrefix(key, prefix) {
			return -1
		}
		return 1 // keys that sort before prefix are not looked at
	})
	return t.keys[from : from+n]
}

// cut returns the page of keys that comes after the cursor.
func (t *table) cut(keys []string, opt ListOptions) wire.Page {
	p := wire.Page{Items: []json.RawMessage{}, Total: len(keys)}
	from, found := slices.BinarySearch(keys, opt.Cursor)
	if found {
		from++
	}
	rest := keys[from:]
	if limit := opt.limit(); len(rest) > limit {
		rest, p.Next = rest[:limit], rest[limit-1]
	}
	for _, key := range rest {
		p.Items = append(p.Items, t.rows[key].item)
	}
	return p
}
