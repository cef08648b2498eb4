package cloud

import (
	"errors"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestEveryEntryMakesAnImage(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range All() {
		for _, name := range append([]string{e.Name}, e.Aliases...) {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
			if found, err := Find(name); err != nil || found.Name != e.Name {
				t.Errorf("%s finds %s, %v", name, found.Name, err)
			}
		}
		for arch := range e.Arches {
			s, err := e.Spec(arch)
			if err != nil {
				t.Error(err)
			}
			errs := storage.CheckImage(strings.ReplaceAll(e.Name, ".", "-"), s)
			if len(errs) > 0 || strings.Contains(s.Source.URL, "{") || !strings.HasPrefix(s.Source.URL, "https://") {
				t.Errorf("%s: %v %s", e.Name, errs, s.Source.URL)
			}
			if s.User == "" || s.Needs.Memory < 128*model.MiB || s.Needs.Disk < model.GiB || s.Arch != arch {
				t.Errorf("%s: %+v", e.Name, s)
			}
		}
	}
}

func TestTheCatalogueIsSearchedByEveryWord(t *testing.T) {
	for words, want := range map[string]int{"debian": 2, "Debian 12": 1, "bookworm": 1, "lts": 2, "windows": 0} {
		if got := Search(strings.Fields(words)...); len(got) != want {
			t.Errorf("%q: %d, want %d", words, len(got), want)
		}
	}
	if len(Search()) != len(All()) {
		t.Error("nothing finds not all")
	}
	if _, err := Find("windows"); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if e, _ := Find("arch"); e.Name == "arch" {
		if _, err := e.Spec(ARM64); !errors.Is(err, fault.NotFound) {
			t.Error(err)
		}
	}
}
