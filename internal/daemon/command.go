//go:build linux

package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
)

// Where an installed copy keeps its state and finds its declaration.
const (
	Installed   = "/var/lib/hyper-nixos"
	Declaration = "/etc/hyper-nixos/declaration.json"
)

// Command runs hvd with these arguments until it is told to end, and returns its exit code.
func Command(args []string) int {
	f := flag.NewFlagSet("hvd", flag.ContinueOnError)
	opt := Options{Version: version.String()}
	f.StringVar(&opt.State, "state", Installed, "folder that holds everything that stays")
	f.StringVar(&opt.Declaration, "declaration", "", "file that is the host's declaration, applied at the start (with the installed state folder: "+Declaration+")")
	ready := f.Int("ready-fd", -1, "write \"ready\" to this file descriptor when the API is served")
	show := f.Bool("version", false, "print the version and exit")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || f.NArg() > 0:
		return 2
	}
	if *show {
		fmt.Println("hvd", opt.Version)
		return 0
	}
	abs, err := filepath.Abs(opt.State)
	if err != nil {
		say(os.Stderr, err)
		return 1
	}
	opt.State = abs
	if opt.Declaration == "" && opt.State == Installed {
		opt.Declaration = Declaration
	}
	opt.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	opt.Ready = func() {
		opt.Log.Info("ready", "version", opt.Version)
		tell(*ready)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := Run(ctx, opt); err != nil {
		say(os.Stderr, err)
		return 1
	}
	return 0
}

// say tells an error as every program of ours does: the thing, the cause, the next step.
func say(w io.Writer, err error) {
	_, _ = fmt.Fprintln(w, "error:", err)
	if hint := fault.HintOf(err); hint != "" {
		_, _ = fmt.Fprintln(w, "  try:", hint)
	}
}
