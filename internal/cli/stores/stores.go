// Package stores holds `hv store`: looking after the host's store when the daemon runs, and when it cannot.
//
// What lives here: the commands, and what they print. What does not: reading a store. hv stays small and has
// no database in it; hvd has, so its program is asked, as a process of its own beside or without the daemon.
package stores

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// installed is the state folder of the installed copy.
const installed = "/var/lib/hyper-nixos"

// keeper is one call of `hv store`.
type keeper struct {
	*session.Session
	state string
}

// Command returns `hv store`.
func Command(s *session.Session) *cobra.Command {
	k := &keeper{Session: s}
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after the host's store: check it, take and restore snapshots",
		Long: `Looks after the store, the file that holds what is wished on this host: VMs, volumes, the declaration, operations.

These commands work on this host only, as root or as the daemon's own user, and need no daemon. hvd takes snapshots by
itself: when it starts, every hour in which something has changed, after 2,000 changes, and before it changes the
store's form.`,
		Example: "  sudo hv store check\n  sudo hv store list\n  sudo hv store restore",
	}
	cmd.PersistentFlags().StringVar(&k.state, "state", installed, "the daemon's state folder")
	session.FolderFlag(cmd, "state")
	cmd.AddCommand(k.check(), k.list(), k.snapshot(), k.restore(), k.forgetSecrets())
	return cmd
}

// ask has hvd's program do it. What it answers is bounded.
func (k *keeper) ask(ctx context.Context, verb string, args ...string) (wire.Upkeep, error) {
	program, err := hvd()
	if err != nil {
		return wire.Upkeep{}, err
	}
	state, err := filepath.Abs(k.state)
	if err != nil {
		return wire.Upkeep{}, err
	}
	var out, errs bounded
	cmd := exec.CommandContext(ctx, program, append([]string{"store", verb, "--state", state}, args...)...) // #nosec G204 -- hvd, found beside hv
	cmd.Stdout, cmd.Stderr = &out, &errs
	ran := cmd.Run()
	if ctx.Err() != nil {
		return wire.Upkeep{}, context.Cause(ctx)
	}
	var answer wire.Upkeep
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return answer, fault.New(fault.Unavailable, "%s does not answer as it should", program).
			Because(errors.Join(ran, errors.New(first(errs.String())))).Try("hv version, and %s --version: they belong together", program)
	}
	if p := answer.Problem; p != nil {
		e := fault.New(kindNamed(p.Title), "%s", p.Detail).WithCode(p.Code)
		e.Hint = p.Remedy
		if e.Kind == fault.Unreadable { // not the user's input: the host's files
			return answer, &report.Ended{Code: report.Refused, Err: e}
		}
		return answer, e
	}
	return answer, nil
}

// hvd finds the program: beside this one, or where programs are.
func hvd() (string, error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "hvd")
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	for _, path := range []string{"/usr/libexec/hyper-nixos/hvd", "/usr/sbin/hvd"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("hvd")
	if err != nil {
		return "", fault.New(fault.Unavailable, "the program hvd, which reads the store, is not on this host").Because(err).
			Try("run this on the host itself, where hvd is installed")
	}
	return path, nil
}

func kindNamed(name string) fault.Kind {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if k.Error() == name {
			return k
		}
	}
	return fault.Internal
}

// mostAnswer bounds what is read of an answer.
const mostAnswer = 4 << 20

// bounded keeps the beginning of what is written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := mostAnswer - b.Len(); room > 0 {
		_, _ = b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

// first is the first line of what a program complained.
func first(text string) string {
	line, _, _ := bytes.Cut([]byte(text), []byte("\n"))
	if len(line) == 0 {
		return "it said nothing"
	}
	return string(line[:min(len(line), 300)])
}
