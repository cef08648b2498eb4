// Package reach finds the daemon: the one that HV_HOST names, or the one of this host.
//
// What lives here: where to knock. What does not: what is said there (client).
package reach

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Variable is the environment variable that names a host.
const Variable = "HV_HOST"

// The codes of a host that cannot be chosen. They are stable.
const (
	CodeUnclear = "HV-CLI-001" // several daemons, and none was named
	CodeNoWay   = "HV-CLI-002" // HV_HOST names no way that there is
)

// runBase and socket are where hv-helper makes the API's socket: below a folder named after hvd's
// state folder.
const (
	runBase = "run/hv"
	socket  = "api.sock"
)

// installed is the state folder of the installed copy.
const installed = "/var/lib/hyper-nixos"

// Daemon returns a client of the daemon that named names, on this host or on another. The errors are
// those of Socket.
func Daemon(named, root string, batch bool) (*client.Client, error) {
	if !Remote(named) {
		path, err := Socket(named, root)
		if err != nil {
			return nil, err
		}
		return client.Unix(path), nil
	}
	to, err := client.ParseSSH(named)
	if err != nil {
		return nil, fault.Wrap(coded(err), "%s", Variable)
	}
	to.Batch = batch
	return client.Remote(to), nil
}

// Remote reports whether named names a daemon of another host.
func Remote(named string) bool { return strings.HasPrefix(named, "ssh://") }

func coded(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.WithCode(CodeNoWay)
	}
	return err
}

// Socket returns the path of the socket of a daemon on this host. named is the value of HV_HOST; root is
// the host's root folder, "/" but in tests. The error is fault.Unavailable where no daemon is to be found,
// and fault.Invalid where the choice is not clear.
func Socket(named, root string) (string, error) {
	if named != "" {
		return parse(named)
	}
	base := filepath.Join(root, runBase)
	own := filepath.Join(base, runFolder(installed), socket)
	if exists(own) {
		return own, nil
	}
	found, err := sockets(base)
	if len(found) > 1 {
		found = listening(found)
	}
	switch {
	case err != nil:
		return "", err
	case len(found) == 0 && runtime.GOOS != daemonSystem:
		return "", foreign(runtime.GOOS)
	case len(found) == 0:
		return "", fault.New(fault.Unavailable, "no daemon runs on this host: there is no %s", filepath.Join(base, "*", socket)).
			Try("systemctl start hvd; or in a checkout: make run").WithCode(wire.CodeNoDaemon)
	case len(found) > 1:
		return "", fault.New(fault.Invalid, "%d daemons run on this host: %s", len(found), strings.Join(found, ", ")).
			Try("choose one: export %s=unix://%s", Variable, found[0]).WithCode(CodeUnclear)
	}
	return found[0], nil
}

// daemonSystem is what hvd runs on.
const daemonSystem = "linux"

// foreign is the error on a system that has hv and cannot have a daemon.
func foreign(system string) error {
	return fault.New(fault.Unavailable, "no daemon runs on this machine: hvd needs Linux, and this is %s", system).
		Try("name a host that has one: export %s=ssh://user@host", Variable).WithCode(wire.CodeNoDaemon)
}

func parse(named string) (string, error) {
	scheme, rest, ok := strings.Cut(named, "://")
	switch {
	case ok && scheme == "ssh":
		return "", fault.New(fault.Invalid, "%s names another host, and a daemon of this one is wanted", Variable).
			Try("unset %s", Variable).WithCode(CodeNoWay)
	case ok && scheme != "unix":
		return "", fault.New(fault.Invalid, "%s=%s: there is no way %q to a host", Variable, named, scheme).
			Try("export %s=unix:///path/of/api.sock", Variable).WithCode(CodeNoWay)
	case ok:
		named = rest
	}
	if !filepath.IsAbs(named) {
		return "", fault.New(fault.Invalid, "%s: %q is no absolute path", Variable, named).
			Try("export %s=unix:///path/of/api.sock", Variable).WithCode(CodeNoWay)
	}
	return named, nil
}

// runFolder is the name of the run folder that belongs to a state folder: 8 hex digits of its digest.
func runFolder(state string) string {
	sum := sha256.Sum256([]byte(state))
	return hex.EncodeToString(sum[:4])
}

func sockets(base string) ([]string, error) {
	folders, err := os.ReadDir(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot look for a daemon").Because(err).
			Try("name its socket: export %s=unix:///path/of/api.sock", Variable)
	}
	var found []string
	for _, f := range folders {
		if path := filepath.Join(base, f.Name(), socket); exists(path) {
			found = append(found, path)
		}
	}
	return found, nil
}

// listening leaves out what daemons that were killed have left, unless nothing else is there: whoever knocks there is
// told so.
func listening(paths []string) []string {
	var alive []string
	for _, path := range paths {
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			_ = c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			alive = append(alive, path)
		}
	}
	if len(alive) == 0 {
		return paths[:1]
	}
	return alive
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
