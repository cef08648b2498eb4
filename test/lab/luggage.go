package lab

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
)

//go:embed files/run.sh
var script embed.FS

// Luggage is what is brought along to a lab.
type Luggage struct {
	Root     string // of the module
	Tag      string // the build tag of the tests
	Tests    []Package
	Packages []string // .deb files, installed in this order
	Guest    guest.Guest
	Patience time.Duration // for the tests of one package
}

// Pack puts it all into a folder that does not exist yet. In the lab the folder is /lab/in:
//
//	packages/         the package under test
//	guest/            vmlinuz and initrd of the tiny guest
//	checkout/         for each package with tests its folder with lab.test, lab.run and testdata; and examples
//	tests             the folders of those packages, one a line
//	run.sh, timeout   what runs them, and how long it waits
func (l Luggage) Pack(ctx context.Context, folder string) error {
	checkout := filepath.Join(folder, "checkout")
	var dirs []string
	for _, p := range l.Tests {
		if err := p.compile(ctx, l.Root, l.Tag, checkout); err != nil {
			return err
		}
		dirs = append(dirs, p.Dir+"\n")
	}
	text, err := script.ReadFile("files/run.sh")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"run.sh": text, "tests": []byte(strings.Join(dirs, "")), "timeout": []byte(l.Patience.String())} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	if err := copyTree(filepath.Join(l.Root, "examples"), filepath.Join(checkout, "examples")); err != nil {
		return err
	}
	for i, deb := range l.Packages {
		if err := copyFile(deb, filepath.Join(folder, "packages", fmt.Sprintf("%d-%s", i, filepath.Base(deb)))); err != nil {
			return err
		}
	}
	return errors.Join(
		copyFile(l.Guest.Kernel, filepath.Join(folder, "guest", "vmlinuz")),
		copyFile(l.Guest.Initrd, filepath.Join(folder, "guest", "initrd")))
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// treeSize is what a folder's files take on a disk with blocks of 4 KiB.
func treeSize(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += (info.Size() + 4095) &^ 4095
		}
		return err
	})
	return sum, err
}
