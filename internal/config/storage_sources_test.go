package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func withSources(sources map[string]storage.IndexSpec) Declaration {
	return Declaration{Storage: StorageSection{Images: ImagesSection{Sources: sources}}}
}

func TestAnImageSourceThatCannotBeOneIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spec         storage.IndexSpec
		what, remedy string // empty what: it may be declared
	}{
		"plain":   {storage.IndexSpec{URL: "https://images.example.org/vm/"}, "", ""},
		"streams": {storage.IndexSpec{Kind: storage.SimpleStreams, URL: "https://images.example.org/"}, "", ""},
		"clear":   {storage.IndexSpec{URL: "http://images.example.org/"}, "is not encrypted", "insecure = true"},
		"so-be":   {storage.IndexSpec{URL: "http://images.example.org/", Insecure: true}, "", ""},
		"secret":  {storage.IndexSpec{URL: "https://me:pass@images.example.org/"}, "a password in it", "leave it out"},
		"other":   {storage.IndexSpec{Kind: "ftp", URL: "https://images.example.org/"}, `"ftp" is none of simplestreams, index`, ""},
		"nowhere": {storage.IndexSpec{}, "no http or https URL", ""},
		"Bad":     {storage.IndexSpec{URL: "https://images.example.org/"}, "source name", ""},
	} {
		found := checkSources(map[string]storage.IndexSpec{name: c.spec})
		if c.what == "" {
			if len(found) > 0 {
				t.Errorf("%s: %+v", name, found)
			}
			continue
		}
		if len(found) != 1 || found[0].Code != CodeSource || found[0].Path != SourcePath(name) || !strings.Contains(found[0].What, c.what) || !strings.Contains(found[0].Remedy, c.remedy) || strings.Contains(found[0].Remedy, "--") {
			t.Errorf("%s: %+v", name, found)
		}
	}
	many := map[string]storage.IndexSpec{}
	for i := range maxDeclaredSources + 1 {
		many[fmt.Sprintf("s%d", i)] = storage.IndexSpec{URL: "https://images.example.org/"}
	}
	if found := checkSources(many); len(found) != 1 || !strings.Contains(found[0].What, "33 image sources are more than 32") {
		t.Errorf("%+v", found)
	}
}

func TestAnImageSourceThatIsNotAsDeclaredIsDrift(t *testing.T) {
	url := "https://images.example.org/"
	d := withSources(map[string]storage.IndexSpec{"away": {URL: url}, "other": {URL: url}, "same": {URL: url}})
	got := DriftOfSources(d, map[string]storage.Index{
		"other": {Spec: storage.IndexSpec{Kind: storage.SimpleStreams, URL: url}},
		"same":  {Spec: storage.IndexSpec{Kind: storage.PlainIndex, URL: url}}, // what it leaves out
		"mine":  {},
	})
	if len(got) != 2 || got[0].Source != "away" || got[0].Kind != "missing" || got[1].Source != "other" || got[1].Kind != "differs" {
		t.Errorf("%+v", got)
	}
}
