package storage

import (
	"path"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// ShareSpec is what is wished of a share: a folder of the host's that VMs may mount. It is root's, as a pool is; a VM's spec
// names it and has no path.
type ShareSpec struct {
	Path     string `json:"path"`
	ReadOnly bool   `json:"readOnly,omitempty"` // for whoever mounts it
}

// Share is a stored share. It exists once on a host and in no project.
type Share struct {
	model.Metadata
	Spec ShareSpec `json:"spec"`
}

// ShareTrees are the trees below which a folder can be shared: those in which an administrator keeps data. A guest is never
// shown what is the system's.
var ShareTrees = []string{"srv", "mnt", "media", "data"}

// maxShareDepth bounds how deep below its tree the folder may be.
const maxShareDepth = 8

// CheckShare returns what is wrong with a share's name and spec, all of it.
func CheckShare(name string, s ShareSpec) []error {
	var errs []error
	if err := model.CheckName("share name", name); err != nil {
		errs = append(errs, err)
	}
	if _, _, err := s.Place(); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// Place takes the path apart: its tree, and the names from there on.
func (s ShareSpec) Place() (tree string, names []string, err error) {
	refused := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "path "+format, args...).WithCode("HV-SHARE-003").Try("share a folder below /srv, /mnt, /media or /data, such as /srv/share")
	}
	if s.Path == "" {
		return "", nil, refused("is missing: a share is a folder of the host's")
	}
	if !strings.HasPrefix(s.Path, "/") || path.Clean(s.Path) != s.Path || len(s.Path) > maxPath {
		return "", nil, refused("%.80q is not absolute, without . and .., and at most %d bytes long", s.Path, maxPath)
	}
	all := strings.Split(s.Path[1:], "/")
	for _, known := range ShareTrees {
		if all[0] == known {
			tree, names = known, all[1:]
		}
	}
	switch {
	case tree == "" || len(names) == 0:
		return "", nil, refused("%.80q is not below /srv, /mnt, /media or /data", s.Path)
	case len(names) > maxShareDepth:
		return "", nil, refused("%.80q is more than %d folders deep", s.Path, maxShareDepth)
	}
	for _, n := range names {
		if !folderName(n) {
			return "", nil, refused("%.80q: %.80q is not of A-Z a-z 0-9 _ . -, or begins with . or -", s.Path, n)
		}
	}
	return tree, names, nil
}

func folderName(s string) bool {
	odd := func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", r)
	}
	return s != "" && len(s) <= 100 && s[0] != '.' && s[0] != '-' && !strings.ContainsFunc(s, odd)
}
