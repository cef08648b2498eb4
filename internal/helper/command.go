// Package helper is hv-helper: the only program of ours with privileges. It answers one client, hvd, over
// one socket, a fixed list of verbs (package privilege), and every value is checked against what it owns
// itself.
//
// What lives here: the server, the verbs, and which process belongs to which VM. Below it: door (what may
// come in), launch (the shim and its jail), uid, run, cgroup, scope, proc and kvm (what each of them is made of).
// What does not: any decision about what should run. No HTTP, no store, no path of a user's.
package helper

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
)

// Command runs hv-helper with its arguments, the program's name left out, and returns its exit status.
func Command(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case launch.ShimVerb: // first: every launch waits for it
			return launch.Shim(args[1:])
		case probeVerb:
			return probe(args[1:])
		}
	}
	o, done, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case done:
		fmt.Println("hv-helper", version.String())
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	if err := Serve(ctx, o, os.Stderr); err != nil {
		complain(os.Stderr, err)
		return 1
	}
	return 0
}

func complain(w io.Writer, err error) {
	hint := fault.HintOf(err)
	if hint != "" {
		hint = "\n  try: " + hint
	}
	_, _ = fmt.Fprintf(w, "error: %v%s\n", err, hint) // there is nowhere else to say it
}

// Options are what hv-helper is started with.
type Options struct {
	State   string // the state folder, which is hvd's
	HVDUser string // a user's name, or UID, or UID:GID
	Group   string // who may use the API: a group's name, or GID
	ReadyFD int    // gets one line when requests are answered; 0 for none
	RunPath string // for tests; RunFolder(State) where empty
}

func parse(args []string) (o Options, version bool, err error) {
	f := flag.NewFlagSet("hv-helper", flag.ContinueOnError)
	f.StringVar(&o.State, "state", "", "the state `folder`, hvd's; the uids of VMs are kept in it")
	f.StringVar(&o.HVDUser, "hvd-user", "hvd", "the `user` that hvd runs as: name, UID or UID:GID")
	f.StringVar(&o.Group, "group", "hypervisor", "the `group` whose members may use the API: name or GID")
	f.IntVar(&o.ReadyFD, "ready-fd", 0, "write a line to this file `descriptor` when ready")
	f.BoolVar(&version, "version", false, "say which build this is")
	f.Usage = func() {
		_, _ = fmt.Fprint(f.Output(), "hv-helper starts VMs without privileges and is the only program that has them. hvd is its only client.\n\n"+
			"  hv-helper --state /var/lib/hyper-nixos\n\n")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, false, err
	}
	if !version && (f.NArg() > 0 || o.State == "") {
		f.Usage()
		return o, false, errors.New("usage")
	}
	return o, version, nil
}
