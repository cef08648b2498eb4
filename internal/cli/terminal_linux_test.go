package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// person is somebody at a terminal in which hv runs.
type person struct {
	t      *testing.T
	master *os.File
	seen   bytes.Buffer
	before unix.Termios
	ended  bool // hv has; what else is read is of no more interest
	code   int  // with which
}

func init() { programs["hosted"] = hosted }

// hosted runs hv as the child of one that leads the terminal's session, says how hv has ended, and stays until its
// descriptor 3 is closed: when a leader goes, the kernel throws away what was printed and not read yet.
func hosted() {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // hv's, not ours
	self, err := os.Executable()
	if err == nil {
		cmd := &exec.Cmd{Path: self, Args: append([]string{"hv"}, os.Args[1:]...), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
		err = cmd.Run()
		fmt.Printf(end, cmd.ProcessState.ExitCode(), err)
	}
	_, _ = io.Copy(io.Discard, os.NewFile(3, "until the test ends"))
}

const end = "\x00hv ended: %d %v\x00"

var endSeen = regexp.MustCompile("\x00hv ended: (-?[0-9]+) [^\x00]*\x00")

// sit runs hv in a terminal of its own of that width, speaking to the fake at socket.
func sit(t *testing.T, width uint16, socket string, args ...string) *person {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, master: master, before: *before}
	until, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{
		Path: self, Args: append([]string{"hosted"}, args...), Stdin: slave, Stdout: slave, Stderr: slave, ExtraFiles: []*os.File{until},
		Env:         append(os.Environ(), "HV_HOST=unix://"+socket, "TERM=xterm", "NO_COLOR="),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true},
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = until.Close()
	t.Cleanup(func() { // when the leader goes, hv is told by the terminal
		_ = held.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = master.Close()
	})
	return p
}

// sees reads on until text was printed.
func (p *person) sees(text string) {
	p.t.Helper()
	for !strings.Contains(p.seen.String(), text) {
		if p.ended {
			p.t.Fatalf("%q was never printed\n%q", text, p.seen.String())
		}
		p.read()
	}
}

// read takes in what is printed next.
func (p *person) read() {
	p.t.Helper()
	buf := make([]byte, 4096)
	n, err := p.master.Read(buf)
	p.seen.Write(buf[:n])
	if err != nil {
		p.t.Fatalf("the terminal broke: %v\n%q", err, p.seen.String())
	}
	if m := endSeen.FindStringSubmatch(p.seen.String()); m != nil {
		p.ended = true
		p.code, _ = strconv.Atoi(m[1])
	}
}

func (p *person) types(text string) {
	p.t.Helper()
	if _, err := p.master.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// exits waits for the end and compares its code.
func (p *person) exits(want int) {
	p.t.Helper()
	for !p.ended {
		p.read()
	}
	if p.code != want {
		p.t.Errorf("exited with %d, not %d\n%q", p.code, want, p.seen.String())
	}
}

func TestAPersonAtTheConsoleTypesAndLeavesAndHasTheTerminalBack(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	p := sit(t, 100, socket, "vm", "console", "web")
	p.sees("leave with ^]")
	p.sees("login: ")
	p.types("\x03") // Ctrl-C is the guest's
	p.sees(`you typed "\x03"`)
	p.types("x\x1d")
	p.sees("left the console")
	p.exits(0)
	after, err := unix.IoctlGetTermios(int(p.master.Fd()), unix.TCGETS)
	if err != nil || *after != p.before {
		t.Errorf("the terminal was left as %+v, and was %+v (%v)", after, p.before, err)
	}
}

func TestTheTerminalIsGivenBackWhenTheGuestEnds(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	p := sit(t, 100, socket, "vm", "console", "web")
	p.sees("login: ")
	p.types("quit")
	p.sees("has ended")
	p.exits(0)
	if after, err := unix.IoctlGetTermios(int(p.master.Fd()), unix.TCGETS); err != nil || *after != p.before {
		t.Errorf("the terminal was left as %+v (%v)", after, err)
	}
}

func TestCtrlCStopsTheWaitingAndSaysHowToGoOn(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	p := sit(t, 100, socket, "vm", "start", "slow")
	p.sees("vm/slow: do it") // on the line that changes
	p.types("\x03")
	p.sees("interrupted:")
	p.sees("goes on")
	p.sees("hv operation cancel 7f3a000000000000")
	p.exits(130)
	f.mu.Lock()
	defer f.mu.Unlock()
	if state := f.ops["7f3a000000000000"].State; state.Ended() {
		t.Errorf("the operation is %s", state)
	}
}

func TestAnswersToQuestions(t *testing.T) {
	for _, c := range []struct {
		answer string
		exit   int
		gone   bool
	}{{"n\n", 1, false}, {"\n", 1, false}, {"\x04", 1, false}, {"y\n", 0, true}, {"YES\n", 0, true}} {
		t.Run(fmt.Sprintf("%q", c.answer), func(t *testing.T) {
			f, socket := newFake(t)
			furnish(f)
			p := sit(t, 100, socket, "volume", "delete", "web-root")
			p.sees("volume web-root: 10GiB")
			p.sees("delete? [y/N] ")
			p.types(c.answer)
			p.exits(c.exit)
			f.mu.Lock()
			defer f.mu.Unlock()
			if _, there := f.volumes["web-root"]; there == c.gone {
				t.Errorf("there: %v", there)
			}
		})
	}
}

func TestATableIsCutToTheTerminal(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	f.mu.Lock()
	f.addVolume("a-name-that-is-so-long-that-it-cannot-fit-into-a-narrow-window", 1<<30)
	f.mu.Unlock()
	p := sit(t, 60, socket, "volume", "list", "--color", "never")
	p.sees("web-root")
	p.exits(0)
	for line := range strings.SplitSeq(strings.ReplaceAll(p.seen.String(), "\r", ""), "\n") {
		if n := len([]rune(line)); n > 60 {
			t.Errorf("%d characters: %q", n, line)
		}
	}
	if !strings.Contains(p.seen.String(), "…") {
		t.Errorf("nothing was cut: %q", p.seen.String())
	}
}

func TestAPictureIsNotPrintedOnATerminal(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	p := sit(t, 100, socket, "vm", "screenshot", "web")
	p.sees("-o web.png")
	p.exits(2)
}

func TestTopHasAScreenOfItsOwnThatGoesAwayAgain(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	p := sit(t, 100, socket, "vm", "top", "--interval", "1s")
	p.sees("\x1b[?1049h") // the alternate screen
	p.sees("sorted by name")
	p.sees("web")
	p.types(">")
	p.sees("sorted by cpu")
	p.types("\x1b[D\x1b[D")
	p.sees("sorted by writes")
	p.types("q")
	p.sees("\x1b[?1049l")
	p.exits(0)
	if after, err := unix.IoctlGetTermios(int(p.master.Fd()), unix.TCGETS); err != nil || *after != p.before {
		t.Errorf("the terminal was left as %+v (%v)", after, err)
	}
}

func TestCtrlCEndsTop(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	p := sit(t, 40, socket, "vm", "top")
	p.sees("sorted by name")
	p.types("\x03")
	p.sees("\x1b[?1049l")
	p.exits(0)
}
