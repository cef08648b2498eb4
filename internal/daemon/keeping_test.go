//go:build linux

package daemon

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
)

func TestWhatWillBiteIsToldBeforeItDoes(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	small := local.Usage{Bytes: mib, Most: 2 * gib}
	for _, c := range []struct {
		name       string
		use        local.Usage
		failed     error
		free, size int64
		want       []string
	}{
		{"plenty", small, nil, 50 * gib, 100 * gib, nil},
		{"a large disk", small, nil, 6 * gib, 1000 * gib, nil},
		{"a large disk, nearly full", small, nil, 4 * gib, 1000 * gib, []string{"HV-STORE-006"}},
		{"a disk of 20 GiB", small, nil, gib - mib, 20 * gib, []string{"HV-STORE-006"}},
		{"a small disk", small, nil, 255 * mib, 2 * gib, []string{"HV-STORE-006"}},
		{"a tiny disk", small, nil, 40 * mib, 100 * mib, nil},
		{"a disk that does not say", small, nil, 0, 0, nil},
		{"a large store", local.Usage{Bytes: 1700 * mib, Most: 2 * gib}, nil, 50 * gib, 100 * gib, []string{"HV-STORE-007"}},
		{"no snapshots", small, fault.New(fault.Exhausted, "no room").Try("make some"), 50 * gib, 100 * gib, []string{"HV-STORE-008"}},
		{"all of it", local.Usage{Bytes: 2 * gib, Most: 2 * gib}, errors.New("x"), mib, 100 * gib, []string{"HV-STORE-006", "HV-STORE-007", "HV-STORE-008"}},
	} {
		var got []string
		for _, f := range judge("/state", c.use, c.failed, c.free, c.size) {
			if got = append(got, f.Code); f.What == "" || f.Why == "" || f.Remedy == "" {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestADeclarationThatIsNotAppliedIsAFindingOfTheHost(t *testing.T) {
	s, err := local.Open(t.TempDir(), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	const path = "/etc/hyper-nixos/declaration.json"
	d := &daemon{keeping: &keeping{state: t.TempDir(), store: s}, actions: action.New(action.Config{DeclaredBy: path})}
	d.undeclared(errors.New("line 3: a comma is missing"))
	k, found := d.keeping.now()
	if k.Store == 0 || k.Free == 0 || k.Snapshot != nil {
		t.Errorf("%+v", k)
	}
	if len(found) == 0 || found[0].Code != "HV-CFG-005" || !strings.Contains(found[0].What, path) || !strings.Contains(found[0].Why, "line 3") ||
		!strings.Contains(found[0].Remedy, "hv config check "+path) {
		t.Errorf("%+v", found)
	}
}
