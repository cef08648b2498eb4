package keys

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// lines are the first lines of the standard input, where nobody can be asked.
func lines(s *session.Session, n int) ([]string, error) {
	text, err := io.ReadAll(io.LimitReader(s.In, int64(n*(storage.MaxPassphrase+2))))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the standard input cannot be read").Because(err)
	}
	got := strings.SplitN(string(text), "\n", n+1)
	if len(got) < n || got[n-1] == "" {
		return nil, report.Usage("cat passphrase | hv key …", "the standard input has no passphrase: say it at a terminal, or in the first %d lines", n)
	}
	return got[:n], nil
}

// ask is a passphrase: from the terminal, asked twice where it is new, or the first line of the standard input.
func ask(cmd *cobra.Command, s *session.Session, question string, fresh bool) (string, error) {
	if !s.Interactive() {
		got, err := lines(s, 1)
		if err != nil {
			return "", err
		}
		return got[0], nil
	}
	first, err := s.AskHidden(cmd.Context(), question)
	if err != nil || !fresh {
		return first, err
	}
	again, err := s.AskHidden(cmd.Context(), "once more:")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", report.Usage("try again", "the two are not the same")
	}
	return first, nil
}

// askBoth is a passphrase and the one that is to stand in its place.
func askBoth(cmd *cobra.Command, s *session.Session, name string) (have, next string, err error) {
	if !s.Interactive() {
		got, err := lines(s, 2)
		if err != nil {
			return "", "", err
		}
		return got[0], got[1], nil
	}
	if have, err = ask(cmd, s, "passphrase of key "+name+" now:", false); err == nil {
		next, err = ask(cmd, s, "the new one:", true)
	}
	return have, next, err
}
