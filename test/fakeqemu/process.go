package fakeqemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Env is the variable that makes a test program a fake QEMU: Options as JSON, "{}" for none.
const Env = "HV_FAKEQEMU"

// RunIfAsked makes this process a fake QEMU, and does not return, if Env is set or the program was
// started by the name of a QEMU. Call it first in TestMain: then os.Executable is a QEMU too.
func RunIfAsked() {
	config, asked := os.LookupEnv(Env)
	if !asked && !strings.HasPrefix(filepath.Base(os.Args[0]), "qemu-system-") {
		return
	}
	os.Exit(Main(config, os.Args[1:], os.Stdout, os.Stderr))
}

// Command is a fake QEMU to be started from a test program that calls RunIfAsked.
func Command(t testing.TB, o Options, args ...string) *exec.Cmd {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, args...) // #nosec G204 -- the fake
	c.Env = append(os.Environ(), Env+"="+string(mustJSON(o)))
	if os.Getenv("GORACE") == "" {
		c.Env = append(c.Env, "GORACE=atexit_sleep_ms=0") // a race detector sleeps a second at every exit
	}
	return c
}

// Install puts a program qemu-system-x86_64 that is this test program into dir, for launchers that
// pass no environment on, and returns its path. Its options are fixed here. The test program has to
// call RunIfAsked.
func Install(t testing.TB, dir string, o Options) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "qemu-system-x86_64")
	if err := errors.Join(os.Symlink(self, path), os.WriteFile(path+".json", mustJSON(o), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// Main is the program: config is Options as JSON, or "" to look for a file of them beside the
// program. It returns the exit status when the fake has ended.
func Main(config string, args []string, stdout, stderr io.Writer) int {
	if config == "" {
		config = beside(os.Args[0])
	}
	var o Options
	if err := json.Unmarshal([]byte(config), &o); err != nil {
		_, _ = fmt.Fprintf(stderr, "fakeqemu: %s: %v\n", Env, err)
		return 2
	}
	signals := make(chan os.Signal, 1) // before anybody can be answered, who might send one
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	q, err := start(o, args, stdout)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, failure(o.Version, err))
		return 1
	}
	if q == nil {
		return 0
	}
	select {
	case s := <-signals:
		_, _ = fmt.Fprintf(stderr, "%s: terminating on signal %d\n", programName, s)
		q.Do(func() { q.quit("host-signal") })
	case <-q.Done():
	}
	<-q.Done()
	q.flush()
	return q.Code()
}

const programName = "qemu-system-x86_64"

func beside(program string) string {
	raw, err := os.ReadFile(program + ".json")
	if err != nil {
		return "{}"
	}
	return string(raw)
}

// failure words an error of the command line as QEMU does.
func failure(version string, err error) string {
	var m errMachine
	var k errKernel
	switch {
	case errors.As(err, &m) && (version == "" || version == "7.2"):
		return programName + ": " + strings.Replace(m.Error(), `: "`+m.name+`"`, "", 1)
	case errors.As(err, &m):
		return programName + ": " + m.Error()
	case errors.As(err, &k):
		return "qemu: " + k.Error()
	}
	return programName + ": " + err.Error()
}

// start makes a machine of a command line; nil if only the version was asked for.
func start(o Options, args []string, stdout io.Writer) (*QEMU, error) {
	all, err := arguments(args)
	if err != nil {
		return nil, err
	}
	if o.Version == "" {
		o.Version = "7.2"
	}
	r, err := recorded(o.Version)
	if err != nil {
		return nil, err
	}
	o.Run, o.Exit = true, true
	for _, a := range all {
		switch configure := options[a.option]; {
		case a.option == "-version":
			_, err := io.WriteString(stdout, r.Banner)
			return nil, err
		case a.option == "-S":
			o.Run = false
		case configure != nil:
			if err := configure(&o, r, a.value); err != nil {
				return nil, fmt.Errorf("%s: %w", a, err)
			}
		}
	}
	return assemble(o, all)
}

// assemble adds the parts in QEMU's order, and only then lets the machine run.
func assemble(o Options, all []argument) (*QEMU, error) {
	run := o.Run
	if !o.Incoming {
		o.Run = false
	}
	q, err := New(o)
	if err != nil {
		return nil, err
	}
	b := &board{sockets: map[string]net.Listener{}, logs: map[string]*os.File{}, known: map[string]bool{}}
	for _, option := range order {
		for _, a := range all {
			if a.option != option {
				continue
			}
			if err := parts[option](q, b, a.value); err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w", a, err), q.Close())
			}
		}
	}
	if run && !o.Incoming {
		q.Do(func() { q.cont() })
	}
	for _, serve := range b.serve {
		serve()
	}
	return q, nil
}

// flush gives the last words a moment to get out before the process ends.
func (q *QEMU) flush() {
	q.mu.Lock()
	monitors := q.monitors
	q.mu.Unlock()
	for _, m := range monitors {
		select {
		case <-m.out.done:
		case <-time.After(time.Second):
		}
	}
}
