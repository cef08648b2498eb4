package launch

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this test the shim when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ShimVerb {
		os.Exit(Shim(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestTheShimsLastWordsAreUnderstood(t *testing.T) {
	sent := errors.New("broken pipe")
	for status, want := range map[string]string{
		"exec\n":                          "",
		"":                                "it ended before the program began\nbroken pipe",
		"pivot_root\t22":                  "pivot_root: invalid argument",
		"exec\nexec /usr/bin/qemu\t2":     "exec /usr/bin/qemu: no such file or directory",
		"\tthe probe VM said 0x1":         "the probe VM said 0x1",
		"read order\tunexpected EOF":      "read order: unexpected EOF",
		"mount /run/hv/01234567/jail\t12": "mount /run/hv/01234567/jail: cannot allocate memory",
	} {
		err := outcome(status, sent)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", status, got, want)
		}
	}
	if err := outcome("setgroups\t1", nil); !errors.Is(err, syscall.EPERM) {
		t.Errorf("%v is not EPERM", err)
	}
}

func TestAShimThatIsAbandonedEndsAndHasDoneNothing(t *testing.T) {
	p, err := Start(Birth{Verb: ShimVerb})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(p.Pidfd) }()
	p.Abandon()
	if how := p.Wait(); how != "exit status 125" {
		t.Errorf("it ended with %q", how)
	}
}

func TestAShimThatFailsSaysAtWhichStep(t *testing.T) {
	p, err := Start(Birth{Verb: ShimVerb})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(p.Pidfd) }()
	p.Order(Order{Program: "/nonexistent/program", Args: []string{"x"}, UID: uint32(os.Getuid()) + 1000})
	err = p.Await(time.Minute)
	step, ok := errors.AsType[*StepError](err)
	// Root gets as far as the exec, anybody else to the first privilege that it would have to give away.
	want := "drop bounding set"
	if os.Getuid() == 0 {
		want = "exec /nonexistent/program"
	}
	if !ok || step.Step != want {
		t.Errorf("%v, want step %q", err, want)
	}
	if how := p.Wait(); how != "exit status 126" {
		t.Errorf("it ended with %q", how)
	}
}

func TestAShimThatIsKilledIsNoSuccess(t *testing.T) {
	p, err := Start(Birth{Verb: ShimVerb})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(p.Pidfd) }()
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if how := p.Wait(); how != "signal: killed" {
		t.Errorf("it ended with %q", how)
	}
	p.Order(Order{Program: "/bin/true"})
	if err := p.Await(time.Minute); err == nil || !strings.Contains(err.Error(), "ended before the program began") {
		t.Errorf("%v", err)
	}
}

func TestNobodyButTheHelperStartsTheShim(t *testing.T) {
	for _, args := range [][]string{nil, {"x"}, {"0"}, {"3", "4"}, {"-1"}} {
		if code := Shim(args); code != 125 {
			t.Errorf("%v: %d", args, code)
		}
	}
}
