package cli_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hyper-nixos/hyper-nixos/internal/cli"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

var update = flag.Bool("update", false, "write what is printed into the files that it is compared with")

// programs are what this test is when it is called by these names.
var programs = map[string]func(){
	"hv": func() { os.Exit(cli.Main(os.Args[1:])) },
}

func TestMain(m *testing.M) {
	time.Local = time.UTC // times are printed as people have them; set before anybody asks for one
	testscript.Main(m, programs)
}

// TestScripts runs hv as a process: what it prints where, and what it exits with. A fake daemon listens
// on HV_HOST with a VM "web" that runs and one "idle" that does not.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("", "hv")
			if err != nil {
				return err
			}
			f, socket, done, err := serve(dir)
			if err != nil {
				return err
			}
			env.Defer(func() {
				done()
				_ = os.RemoveAll(dir)
			})
			furnish(f)
			program, err := exec.LookPath("hv") // as testscript.Main has put it into PATH
			if err != nil {
				return err
			}
			env.Setenv("HV", program)
			env.Setenv("HV_HOST", "unix://"+socket)
			env.Setenv("EXAMPLES", examples)
			env.Setenv("TZ", "UTC")
			return nil
		},
	})
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

// furnish puts into a fake what the tests begin with.
func furnish(f *fake) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addVM(vm.Definition{Name: "web", Labels: map[string]string{"tier": "web"}, Spec: vm.Spec{
		CPUs: 2, Memory: 2 * model.GiB, Power: vm.On, Disks: map[string]vm.Disk{"root": {Volume: "web-root"}},
	}}, vm.StateRunning)
	f.addVM(vm.Definition{Name: "idle"}, vm.StateOff)
	f.addVM(vm.Definition{Name: "slow"}, vm.StateOff)
	f.addVM(vm.Definition{Name: "broken"}, vm.StateOff)
	f.addVolume("web-root", 10*model.GiB)
}
