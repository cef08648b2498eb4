package matrix

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/version"
)

var update = flag.Bool("update", false, "write docs/compatibility-matrix.md anew")

const docs = "../../../docs"

func TestThePublishedMatrixIsFresh(t *testing.T) {
	path := filepath.Join(docs, "compatibility-matrix.md")
	want := document().Markdown()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/compatibility-matrix.md is not what the catalogue comes to: go test ./internal/feature/matrix -update")
	}
}

// The release that the matrix is stamped with is the newest of the changelog, or the one that comes first.
func TestTheMatrixIsStampedWithTheReleaseOfTheChangelog(t *testing.T) {
	log, err := os.ReadFile("../../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := version.FirstRelease
	if m := regexp.MustCompile(`(?m)^## v?(\d+\.\d+\.\d+)`).FindSubmatch(log); m != nil {
		newest = string(m[1])
	}
	if newest != version.Release {
		t.Errorf("CHANGELOG.md's newest release is %s, the matrix is stamped %s", newest, version.Release)
	}
}
