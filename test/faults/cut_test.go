//go:build linux

package faults_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// A scenario is asked of a daemon that is cut off at some point, and has to come out all the same
// with the next one. Every kind of step stands in at least one.
type scenario struct {
	before func(*fakehost.Daemon)
	ask    func(context.Context, *fakehost.Daemon) (action.Result, error)
	after  func(*testing.T, *fakehost.Daemon)
	// also waits, until the daemon is cut off, for what its operation does not: that is cut off too. May be nil.
	also func(*fakehost.Daemon)
}

func volumeGone(d *fakehost.Daemon) func() bool {
	return func() bool {
		_, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
		return err != nil
	}
}

func verb(row action.Row) func(context.Context, *fakehost.Daemon) (action.Result, error) {
	return func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
		return d.Actions.PowerVM(ctx, fakehost.Member, row, fakehost.Ref("web"), wire.VerbOptions{})
	}
}

func on(def *vm.Definition) { def.Power = vm.On }

func paused(def *vm.Definition) { def.Power = vm.Paused }

func withData(def *vm.Definition) { def.Disks = map[string]vm.Disk{"root": {Volume: "data"}} }

func runs(d *fakehost.Daemon)     { d.Done(d.Create(fakehost.Tiny("web", on))) }
func isPaused(d *fakehost.Daemon) { d.Done(d.Create(fakehost.Tiny("web", paused))) }

func isSuspended(d *fakehost.Daemon) { runs(d); d.Done(d.Verb("suspend", "web")) }

func isBeingSaved(d *fakehost.Daemon) {
	d.Guest("web", fakeqemu.Options{Crawls: true})
	runs(d)
	d.Verb("suspend", "web")
	d.State("web", vm.StatePaused)
}

// hasGoneOn wants a guest that runs on where it was, and nothing that it could go on from again.
func hasGoneOn(t *testing.T, d *fakehost.Daemon) {
	p := d.State("web", vm.StateRunning)
	d.Until("its file to go", func() bool { return d.Power("web").Saved == nil })
	if n := d.Boots("web"); p.Ended == nil || p.Ended.How != vm.EndSuspended || n != 1 {
		t.Errorf("it has not gone on where it was: %+v, booted %d times", p.Ended, n)
	}
}

func becomes(s vm.State) func(*testing.T, *fakehost.Daemon) {
	return func(_ *testing.T, d *fakehost.Daemon) { d.State("web", s) }
}

func volumeReady(_ *testing.T, d *fakehost.Daemon) {
	d.Until("it to be ready", func() bool {
		v, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
		return err == nil && v.Ready
	})
}

var scenarios = map[string]scenario{
	"start": {
		before: func(d *fakehost.Daemon) { d.Done(d.Create(fakehost.Tiny("web"))) },
		ask:    verb(action.VMStart),
		after: func(t *testing.T, d *fakehost.Daemon) {
			p := d.State("web", vm.StateRunning)
			if p.Pinned == nil || p.Process.Started == nil || p.Accelerator != vm.TCG {
				t.Errorf("it runs, and what it was started with is not known: %+v", p)
			}
		},
	},
	"stop": {
		before: runs, ask: verb(action.VMStop),
		after: func(t *testing.T, d *fakehost.Daemon) {
			if p := d.State("web", vm.StateOff); p.Ended == nil {
				t.Errorf("its end is not known: %+v", p)
			}
		},
	},
	"stop what has not run yet": {before: isPaused, ask: verb(action.VMStop), after: becomes(vm.StateOff)},
	"kill":                      {before: runs, ask: verb(action.VMKill), after: becomes(vm.StateOff)},
	"pause":                     {before: runs, ask: verb(action.VMPause), after: becomes(vm.StatePaused)},
	"suspend":                   {before: runs, ask: verb(action.VMSuspend), after: becomes(vm.StateSuspended)},
	"go on":                     {before: isSuspended, ask: verb(action.VMStart), after: hasGoneOn},
	"boot cold what is suspended": {
		before: isSuspended,
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.PowerVM(ctx, fakehost.Member, action.VMStart, fakehost.Ref("web"), wire.VerbOptions{DiscardSuspend: true})
		},
		after: becomes(vm.StateRunning),
	},
	"run on while it is being saved": {before: isBeingSaved, ask: verb(action.VMStart), after: becomes(vm.StateRunning)},
	"resume":                         {before: isPaused, ask: verb(action.VMResume), after: becomes(vm.StateRunning)},
	"reset":                          {before: runs, ask: verb(action.VMReset), after: becomes(vm.StateRunning)},
	"reset what a reset would end": {
		before: func(d *fakehost.Daemon) {
			d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.OnReboot = vm.AfterStop })))
		},
		ask: verb(action.VMReset), after: becomes(vm.StateRunning),
	},
	"reboot": {
		before: runs, ask: verb(action.VMReboot),
		after: func(t *testing.T, d *fakehost.Daemon) {
			if p := d.State("web", vm.StateRunning); p.Ended == nil || p.Ended.How != vm.EndReboot || p.StopAsked != nil {
				t.Errorf("%+v", p)
			}
		},
	},
	"delete": {
		before: func(d *fakehost.Daemon) {
			d.Done(d.Volume("data"))
			d.Done(d.Create(fakehost.Tiny("web", on, withData)))
		},
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.DeleteVM(ctx, fakehost.Member, fakehost.Ref("web"), wire.VerbOptions{Force: true, Volumes: true})
		},
		after: func(_ *testing.T, d *fakehost.Daemon) {
			d.Gone("web")
			d.Until("its volume to go", volumeGone(d))
		},
		also: func(d *fakehost.Daemon) { d.UntilOrCut("its volume to go", volumeGone(d)) },
	},
	"attach": attaches, "detach": detaches, "insert": inserts, "give memory": givesMemory, "give vCPUs": givesCPUs,
	"make a volume": {
		before: func(*fakehost.Daemon) {},
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "data", VolumeSpec: storage.VolumeSpec{Size: model.MiB}})
		},
		after: volumeReady,
	},
	"import a volume": {
		before: func(*fakehost.Daemon) {},
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.ImportVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "data"}, 512, strings.NewReader(strings.Repeat("x", 512)))
		},
		after: volumeReady,
	},
}

// The daemon is cut off, as by kill -9, before and after each thing that it does; the one that comes after
// it finishes what was asked for. So is hv-helper, with a daemon that goes on.
func TestADaemonThatIsCutOffAnywhereIsFinishedByTheNext(t *testing.T) {
	begun, done := map[string]bool{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		for who, play := range map[string]func(*testing.T, scenario, *fakehost.Points){"hvd": cutDaemon, "hv-helper": cutHelper} {
			for at := 1; ; at++ {
				points := &fakehost.Points{At: at}
				well := t.Run(fmt.Sprintf("%s, %s at %d", name, who, at), func(t *testing.T) { play(t, scenarios[name], points) })
				b, d := points.Around()
				maps.Copy(begun, b)
				maps.Copy(done, d)
				if !points.Cut() || !well {
					break
				}
			}
		}
	}
	for _, kind := range kinds(t) {
		if !begun[kind] || !done[kind] {
			t.Errorf("no scenario cuts a daemon off before and after a step %q: add one here, and the point to test/fakehost", kind)
		}
	}
}

// kinds are all kinds of steps that package plan declares.
func kinds(t *testing.T) []string {
	t.Helper()
	var out []string
	files, err := filepath.Glob("../../internal/plan/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("package plan is not where it was: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || fmt.Sprint(spec.Type) != "Kind" {
				return true
			}
			for _, v := range spec.Values {
				if lit, ok := v.(*ast.BasicLit); ok {
					kind, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, kind)
				}
			}
			return true
		})
	}
	if len(out) < 12 {
		t.Fatalf("only %d kinds of steps found: %q", len(out), out)
	}
	return out
}

// cutDaemon plays a scenario with a daemon that is cut off at one point. Who was not answered asks again.
func cutDaemon(t *testing.T, s scenario, points *fakehost.Points) {
	h := fakehost.New(t)
	first := h.Start()
	s.before(first)
	first.Stop()
	d, err := h.Boot(points, &fakehost.Points{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.ask(t.Context(), d)
	if err == nil {
		d.EndedOrCut(*res.Operation)
		if s.also != nil {
			s.also(d)
		}
	} else if !points.Cut() {
		t.Fatal(err)
	}
	d.Stop()
	finish(t, s, h.Start(), res, err, points)
	h.OneOutcome()
	h.Tidy()
}

// cutHelper plays it with an hv-helper that is cut off, and is there again when that is noticed.
func cutHelper(t *testing.T, s scenario, points *fakehost.Points) {
	h := fakehost.New(t)
	first := h.Start()
	s.before(first)
	first.Stop()
	d, err := h.Boot(&fakehost.Points{}, points)
	if err != nil { // it was cut off while the daemon adopted
		finish(t, s, h.Start(), action.Result{}, err, points)
		return
	}
	res, err := s.ask(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-points.Ended():
		points.Revive()
		d.Look("web")
	case <-d.Finished(*res.Operation):
	}
	finish(t, s, d, res, nil, points)
	h.OneOutcome()
	h.Tidy()
}

// finish wants what was asked for to be done with d, and asks again where there was no answer.
func finish(t *testing.T, s scenario, d *fakehost.Daemon, res action.Result, unanswered error, points *fakehost.Points) {
	t.Helper()
	if unanswered != nil {
		var err error
		if res, err = s.ask(t.Context(), d); err != nil {
			t.Logf("after %q it is said to be done already: %v", points.Last(), err)
		}
	}
	if res.Operation != nil {
		if end := d.Ended(*res.Operation); end.State != operation.Done {
			t.Errorf("after %q: %s is %s: %+v", points.Last(), end.Action, end.State, end.Error)
		}
	}
	s.after(t, d)
}
