package probe

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// maxKept is the most that is read of what an earlier daemon kept: a QEMU's facts are about 40 KiB.
const maxKept = 4 << 20

// kept is what a Cache leaves to the next daemon: to ask every QEMU anew would be the larger part of its start.
type kept struct {
	Stamp string               `json:"stamp"` // who asked, and in which boot of the host: another asks for itself
	QEMUs map[string]host.QEMU `json:"qemus"` // by architecture; each has the key of the file that was asked
}

// stamp names this program and this boot. Another build may ask for more, and what a host can do may change
// when it boots.
func stamp() (string, error) {
	boot := word(os.DirFS("/"), bootID)
	if boot == "" {
		return "", errors.New("the kernel names no boot")
	}
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	info, err := os.Stat(exe)
	if err != nil {
		return "", err
	}
	return boot + " " + keyOf(exe, info), nil
}

// recall reads what an earlier daemon kept; nothing where that is another's, cannot be read, or is no such file.
func recall(path string) map[string]host.QEMU {
	f, err := os.Open(path) // #nosec G304 -- a file in hvd's own folder
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxKept))
	if err != nil {
		return nil
	}
	var k kept
	if own, err := stamp(); err != nil || json.Unmarshal(data, &k) != nil || k.Stamp != own {
		return nil
	}
	return k.QEMUs
}

// keep writes them for the next daemon.
func keep(path string, qemus map[string]host.QEMU) error {
	own, err := stamp()
	if err != nil {
		return err
	}
	data, err := json.Marshal(kept{Stamp: own, QEMUs: qemus})
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".qemu-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
