//go:build linux

// Package offline_test runs hv and hvd as people do when no daemon runs: hv store and hv audit on a state folder.
package offline_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hyper-nixos/hyper-nixos/internal/cli"
	"github.com/hyper-nixos/hyper-nixos/internal/daemon"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/internal/store/snapshot"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hv":  func() { os.Exit(cli.Main(os.Args[1:])) },
		"hvd": func() { os.Exit(daemon.Command(os.Args[1:])) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "flip": flip, "hold": hold},
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			return furnish(filepath.Join(env.WorkDir, "state"))
		},
	})
}

// furnish makes a state folder: a store with a snapshot in the middle of its life.
func furnish(state string) (err error) {
	ctx := context.Background()
	s, err := local.Open(filepath.Join(state, "store"), local.Options{Snapshots: filepath.Join(state, "snapshots")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	put := func(name, value string) error {
		key := store.SpecKey(store.Ref{Kind: "vm", Project: "default", Name: name})
		_, err := s.Commit(ctx, store.Txn{Then: []store.Op{store.PutOp(key, []byte(value), 0)}})
		return err
	}
	if err := errors.Join(put("web", `{"n":1}`), put("db", `{"n":1}`)); err != nil {
		return err
	}
	if _, err := s.Snapshot(ctx, snapshot.Start, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)); err != nil {
		return err
	}
	return errors.Join(put("web", `{"n":2}`), put("new", `{}`))
}

// exits runs a command that has to end with this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	err := ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	got := 0
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if want, err := strconv.Atoi(args[0]); err != nil || got != want {
		ts.Fatalf("%v exited with %d, not %s", args[1:], got, args[0])
	}
}

// flip changes one bit of a file: flip FILE BYTE, from the end if it is negative.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 0x10
	ts.Check(os.Chmod(path, 0o600))
	ts.Check(os.WriteFile(path, b, 0o600))
}

// hold opens the store, as a daemon does, until the script ends.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	state := ts.MkAbs(args[0])
	s, err := local.Open(filepath.Join(state, "store"), local.Options{Snapshots: filepath.Join(state, "snapshots")})
	ts.Check(err)
	ts.Defer(func() {
		if err := s.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
}
