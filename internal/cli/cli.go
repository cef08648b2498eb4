// Package cli is hv: the command line of Hyper-NixOS, as any user on any system.
//
// What lives here: the tree of commands, one call of it, help and completion. What does not: what the
// commands do (the packages below, one a noun), and the API (client).
package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/features"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// Main runs one call with the process' own streams and returns what the process is to exit with.
// Ctrl-C ends the call, not the work it has asked for; a second one ends the process at once.
func Main(args []string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel(report.ErrInterrupted)
	}()
	return Run(ctx, args, session.World{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Now: time.Now, Root: "/",
	})
}

// Run runs one call in a world of the caller's and returns its exit code.
func Run(ctx context.Context, args []string, w session.World) int {
	s := session.New(w)
	defer s.Close()
	root := Root(s)
	root.SetArgs(Arguments(args))
	root.SetIn(w.In)
	root.SetOut(w.Out)
	root.SetErr(w.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return int(report.Done)
	}
	s.Fail(err)
	return int(report.CodeOf(err))
}

// Arguments is the words of a call as the tree of commands reads them.
func Arguments(args []string) []string { return features.Arguments(args) }

// prepare checks the flags that mean the same everywhere and gives the call its limit of time.
func prepare(s *session.Session) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := s.Check(); err != nil {
			return err
		}
		cmd.SetContext(s.Limit(cmd.Context()))
		return nil
	}
}

// misused makes an error of the flags one of usage.
func misused(cmd *cobra.Command, err error) error {
	if ended, ok := errors.AsType[*report.Ended](err); ok {
		return ended
	}
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
		return unknown(cmd, words[0]) // whose flag it would be
	}
	return report.Usage(cmd.CommandPath()+" --help", "%s: %v", cmd.CommandPath(), err)
}
