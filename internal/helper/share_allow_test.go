package helper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestRootsListSaysWhichFoldersMayBeShared(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shares")
	me := os.Geteuid()
	if err := mayShare(file, "/srv/music", me); err != nil {
		t.Errorf("where there is no list: %v", err)
	}
	if err := os.WriteFile(file, []byte("# of guests\n/srv/music\n  /data/films/ \nsrv/relative\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for folder, may := range map[string]bool{
		"/srv/music": true, "/srv/music/new": true, "/data/films": true, "/srv/musicals": false, "/srv": false, "/data": false, "/srv/relative": false,
	} {
		if err := mayShare(file, folder, me); may != (err == nil) || err != nil && fault.CodeOf(err) != "HV-SHARE-008" {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if err := mayShare(file, "/srv/music", me+1); fault.CodeOf(err) != "HV-SHARE-008" {
		t.Errorf("a list of somebody else's: %v", err)
	}
	if err := os.Chmod(file, 0o666); err != nil { //nolint:gosec // that is what is tried
		t.Fatal(err)
	}
	if err := mayShare(file, "/srv/music", me); fault.CodeOf(err) != "HV-SHARE-008" {
		t.Errorf("a list that others write to: %v", err)
	}
	long := file + ".long"
	fill := strings.Repeat("#", maxSharesFile-len("\n/srv")) + "\n/srv/music/public\n"
	if err := os.WriteFile(long, []byte(fill), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mayShare(long, "/srv/secret", me); fault.CodeOf(err) != "HV-SHARE-008" {
		t.Errorf("what a list names that was cut off in the middle of a line: %v", err)
	}
	link := file + ".link"
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := mayShare(link, "/srv/music", me); fault.CodeOf(err) != "HV-SHARE-008" {
		t.Errorf("a link: %v", err)
	}
}
