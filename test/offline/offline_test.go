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
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "flip": flip, "hold": hold, "drop": drop, "swap": swap, "seal": seal},
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			state := filepath.Join(env.WorkDir, "state")
			return errors.Join(furnish(state), record(filepath.Join(state, "audit"), 1, 20), os.CopyFS(filepath.Join(env.WorkDir, "older"), os.DirFS(filepath.Join(state, "audit"))),
				record(filepath.Join(state, "audit"), 21, 40))
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

// record appends to an audit log, in small segments. Record n is of minute n.
func record(dir string, from, to int) (err error) {
	l, err := audit.Open(dir, audit.Options{SegmentBytes: 4000})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for n := from; n <= to; n++ {
		r := audit.Record{
			Time: time.Date(2026, 3, 1, 12, n, 0, 0, time.UTC), Actor: audit.Actor{UID: 1000, User: "ann", Via: "unix"},
			Action: "vm.start", Target: fmt.Sprintf("vm/web-%d", n), Phase: audit.Note,
		}
		if _, err := l.Append(context.Background(), r); err != nil {
			return err
		}
	}
	return nil
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

// flip changes one bit of a file, the last that a pattern names: flip FILE BYTE, from the end if it is negative.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) == 0 {
		ts.Fatalf("there is no %s", args[0])
	}
	path := found[len(found)-1]
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

// edit changes the lines of a file.
func edit(ts *testscript.TestScript, path string, change func([]string) []string) {
	b, err := os.ReadFile(ts.MkAbs(path))
	ts.Check(err)
	ts.Check(os.Chmod(ts.MkAbs(path), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(path), []byte(strings.Join(change(strings.SplitAfter(string(b), "\n")), "")), 0o600))
}

// drop takes a line out of a file, and swap changes two: drop FILE LINE, swap FILE LINE LINE.
func drop(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	edit(ts, args[0], func(l []string) []string { return append(l[:n-1:n-1], l[n:]...) })
}

func swap(ts *testscript.TestScript, _ bool, args []string) {
	a, err := strconv.Atoi(args[1])
	ts.Check(err)
	b, err := strconv.Atoi(args[2])
	ts.Check(err)
	edit(ts, args[0], func(l []string) []string {
		l[a-1], l[b-1] = l[b-1], l[a-1]
		return l
	})
}

// seal checks that every segment of a log but the last is sealed: nobody may write to it.
func seal(ts *testscript.TestScript, _ bool, args []string) {
	segments, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.jsonl"))
	ts.Check(err)
	if len(segments) < 3 {
		ts.Fatalf("%d segments", len(segments))
	}
	for _, path := range segments[:len(segments)-1] {
		info, err := os.Stat(path)
		ts.Check(err)
		if info.Mode().Perm() != 0o400 {
			ts.Fatalf("%s is %v", path, info.Mode())
		}
	}
}
