package history

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// installedLog is the folder of the installed copy's audit log.
const installedLog = "/var/lib/hyper-nixos/audit"

// logFolder opens the folder of an audit log: the one that is named, or this host's.
func logFolder(args []string) (path string, fsys fs.FS, err error) {
	path = installedLog
	if len(args) > 0 {
		path = args[0]
	}
	switch entries, err := os.ReadDir(path); {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil, fault.New(fault.NotFound, "there is no audit log in %s", path).Try("name its folder: it is audit/ in the daemon's state folder")
	case errors.Is(err, fs.ErrPermission):
		return path, nil, fault.New(fault.Denied, "the audit log in %s is not yours to read", path).Try("ask again as root: sudo before the same command").WithCode("HV-AUTH-001")
	case err != nil:
		return path, nil, fault.New(fault.Unavailable, "cannot look into %s", path).Because(err)
	case len(entries) == 0:
		return path, nil, fault.New(fault.NotFound, "there is no audit log in %s: the folder is empty", path).Try("name its folder: it is audit/ in the daemon's state folder")
	}
	return path, os.DirFS(path), nil
}

// readOwn reads a small file of the user's own: a key, a head, a proof.
func readOwn(what, path string, most int64) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- the user's own file
	if err != nil {
		return nil, report.Usage("name a file that is there", "cannot read the %s: %v", what, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = errors.New("it is too long to be one")
	}
	if err != nil {
		return nil, report.Usage("name another file", "cannot read the %s %s: %v", what, path, err)
	}
	return b, nil
}

// atMost wants no more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return report.Usage(cmd.UseLine(), "%s: %q is one argument too many", cmd.CommandPath(), args[n])
		}
		return nil
	}
}

// folders completes the argument that is a folder, behind n others.
func folders(n int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == n {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// failed is an error about the log's files: not the user's input, so not a usage error.
func failed(err error) error {
	if fault.KindOf(err) == fault.Unreadable {
		return &report.Ended{Code: report.Refused, Err: err}
	}
	return err
}
