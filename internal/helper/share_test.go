package helper

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
)

// A guest is the folder's owner there, and of its group.
func TestAFolderOfThisProductIsNotShared(t *testing.T) {
	base, me, group := filepath.Join(t.TempDir(), "srv"), os.Geteuid(), os.Getegid()
	dir := filepath.Join(base, "data")
	if err := errors.Join(os.Mkdir(base, 0o700), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if me == 0 {
		me, group = 4711, 4712
		if err := os.Chown(dir, me, group); err != nil {
			t.Fatal(err)
		}
	}
	other := int(uid.First) - 100
	for _, c := range []struct {
		why    string
		owners run.Owners
		shared bool
	}{
		{"it is somebody's", run.Owners{HVD: other, HVDGroup: other, APIGroup: other}, true},
		{"it is hvd's", run.Owners{HVD: me, HVDGroup: other, APIGroup: other}, false},
		{"it is of hvd's group", run.Owners{HVD: other, HVDGroup: group, APIGroup: other}, false},
		{"it is of the group that may use the API", run.Owners{HVD: other, HVDGroup: other, APIGroup: group}, false},
	} {
		c.owners.Root = os.Geteuid()
		h := &Helper{log: io.Discard, owners: c.owners}
		_, err := h.shareOwner(&shareFiles{folder: launch.Folder{Base: base, Name: "data"}})
		if c.shared != (err == nil) || err != nil && fault.CodeOf(err) != "HV-SHARE-006" {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}
