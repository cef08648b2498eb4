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
	"runtime/debug"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
)

// Where an installed copy keeps its state and finds its declaration.
const (
	Installed   = "/var/lib/hyper-nixos"
	Declaration = "/etc/hyper-nixos/declaration.json"
)

// ExitUnusable is what hvd exits with when its store or its audit log is damaged, or was written by a newer
// version: EX_DATAERR of sysexits(3). Whoever starts it again does so in vain.
const ExitUnusable = 65

// Command runs hvd with these arguments until it is told to end, and returns its exit code.
func Command(args []string) int {
	if len(args) > 0 && args[0] == "store" {
		return upkeepCommand(context.Background(), args[1:], os.Stdout)
	}
	if len(args) == 1 && args[0] == "fetch" {
		return fetch(context.Background(), os.Stdin)
	}
	f := flag.NewFlagSet("hvd", flag.ContinueOnError)
	opt := Options{Version: version.String()}
	f.StringVar(&opt.State, "state", Installed, "folder that holds everything that stays")
	f.StringVar(&opt.Declaration, "declaration", "", "file that is the host's declaration, applied at the start (with the installed state folder: "+Declaration+")")
	f.Func("firmware", "folder in which packages install UEFI firmware, instead of /usr/share; may be given several times, the first that has one counts", func(dir string) error {
		if !filepath.IsAbs(dir) {
			return errors.New("it is to begin with /")
		}
		opt.Firmware = append(opt.Firmware, filepath.Clean(dir))
		return nil
	})
	f.StringVar(&opt.Fetcher, "fetcher", "", "socket behind which fetchers of images are started, where hvd itself has no network; none: hvd starts them")
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
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // it waits for most of its life: memory that VMs could have counts more than its CPU
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
		if unusable(err) {
			return ExitUnusable
		}
		return 1
	}
	return 0
}

// say tells an error as every program of ours does: the thing, the cause, the next step.
func say(w io.Writer, err error) {
	code := ""
	if c := fault.CodeOf(err); c != "" {
		code = "  " + c
	}
	_, _ = fmt.Fprintf(w, "error: %v%s\n", err, code)
	if hint := fault.HintOf(err); hint != "" {
		_, _ = fmt.Fprintln(w, "  try:", hint)
	}
}
