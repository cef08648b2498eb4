package storage

import (
	"strings"
	"testing"
)

func TestAShareIsAFolderOfDataAndNothingOfTheSystems(t *testing.T) {
	for path, want := range map[string]string{
		"/srv/music": "", "/mnt/a/b.c/D_e": "", "/data/x": "", "/media/x": "",
		"": "is missing", "srv/music": "not absolute", "/srv": "not below", "/etc": "not below", "/": "not below", "/srv/../etc": "not absolute", "/srv/a/": "not absolute",
		"/srv/.hidden": "begins with", "/srv/-x": "begins with", "/srv/a b": "not of A-Z", "/srv" + strings.Repeat("/a", 9): "folders deep", "/srvx/a": "not below",
	} {
		_, names, err := ShareSpec{Path: path}.Place()
		switch {
		case want == "" && (err != nil || len(names) == 0):
			t.Errorf("%s: %v, %v", path, names, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if errs := CheckShare("No_name", ShareSpec{Path: "/srv/a"}); len(errs) != 1 {
		t.Errorf("a name that is none: %v", errs)
	}
}
