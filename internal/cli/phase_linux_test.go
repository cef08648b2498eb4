package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
)

var aKey = regexp.MustCompile(`([0-9A-Z]{5}-){6}[0-9A-Z]{5}`)

// shown is the key that stands on the terminal.
func (p *person) shown() recovery.Key {
	p.t.Helper()
	k, err := recovery.Parse(aKey.FindString(p.seen.String()))
	if err != nil {
		p.t.Fatalf("%v\n%q", err, p.seen.String())
	}
	return k
}

func TestAPersonHardensAHostAndHasTheKeyBefore(t *testing.T) {
	f, socket := newFake(t)
	p := sit(t, 100, socket, "phase", "harden")
	p.sees("checked: the audit log is whole")
	p.sees("harden this host? [y/N] ")
	p.types("y\n")
	p.sees("type its last group: ")
	k := p.shown()
	f.mu.Lock()
	if f.seal.hardened != 0 {
		t.Error("hardened before its owner has the key")
	}
	f.mu.Unlock()
	p.types("WRONG\n")
	p.sees("WRONG")
	p.sees("type its last group: ")
	p.types(strings.ToLower(k.Text()[len(k.Text())-5:]) + "\n")
	p.sees("is hardened")
	p.sees("keep it away from this host")
	p.exits(0)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seal.hardened != 1 || !f.seal.hash.Matches(k) {
		t.Errorf("hardened %d times, by the hash of another key", f.seal.hardened)
	}
	if strings.Contains(strings.Join(f.seal.asked, ""), k.Text()) {
		t.Error("the key was sent")
	}
	if n := strings.Count(p.seen.String(), k.Text()); n != 1 {
		t.Errorf("the key was shown %d times", n)
	}
}

func TestWhoDoesNotHaveTheKeyHardensNothing(t *testing.T) {
	f, socket := newFake(t)
	p := sit(t, 100, socket, "phase", "harden")
	p.sees("[y/N] ")
	p.types("y\n")
	for _, answer := range []string{"one", "two", "three"} {
		p.sees("type its last group: ")
		p.seen.Reset()
		p.types(answer + "\n")
	}
	p.sees("nothing was changed")
	p.exits(1)
	f.sealed(func(s *seal) {
		if s.hardened != 0 {
			t.Error("it was hardened")
		}
	})
}

func TestWhatIsInTheWayIsAllToldAndNoKeyIsMade(t *testing.T) {
	f, socket := newFake(t)
	wrong := finding.List{
		{Code: "HV-PHASE-010", Severity: finding.Refused, Subject: []string{"host"}, What: "the audit log is not whole", Remedy: "sudo hv audit verify"},
		{Code: "HV-PHASE-012", Severity: finding.Refused, Subject: []string{"host"}, What: "operation 7f3a has not ended", Remedy: "hv operation wait 7f3a"},
	}
	f.sealed(func(s *seal) { s.wrong = wrong })
	p := sit(t, 100, socket, "phase", "harden")
	p.sees("the audit log is not whole")
	p.sees("operation 7f3a has not ended")
	p.sees("cannot be hardened yet")
	p.exits(1)
	if aKey.MatchString(p.seen.String()) {
		t.Error("a key was shown")
	}
}

// A connection breaks after the host was hardened: the key is needed, and its file stays.
func TestAKeyStaysWhereTheAnswerWasLost(t *testing.T) {
	f, socket := newFake(t)
	f.sealed(func(s *seal) { s.breaks = true })
	file := filepath.Join(t.TempDir(), "key")
	p := sit(t, 100, socket, "phase", "harden", "--yes", "--key-file", file)
	p.sees("hardened all the same")
	p.exits(1)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	k, err := recovery.Parse(string(text))
	f.sealed(func(s *seal) {
		if err != nil || !s.hash.Matches(k) {
			t.Errorf("%v", err)
		}
	})
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestAKeyIsTakenBackWhereTheHostWasNotHardened(t *testing.T) {
	f, socket := newFake(t)
	f.sealed(func(s *seal) { s.refuses = true })
	file := filepath.Join(t.TempDir(), "key")
	p := sit(t, 100, socket, "phase", "harden", "--yes", "--key-file", file)
	p.sees("of no use")
	p.exits(1)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is left: %v", err)
	}
}

// Ctrl-C while the request is under way: the host says that it is not hardened, and is hardened after.
func TestAKeyStaysWhereHardeningMayStillComeTrue(t *testing.T) {
	f, socket := newFake(t)
	asked, goOn := make(chan struct{}), make(chan struct{})
	f.sealed(func(s *seal) { s.hangs = func() { close(asked); <-goOn } })
	file := filepath.Join(t.TempDir(), "key")
	p := sit(t, 400, socket, "phase", "harden", "--yes", "--key-file", file)
	<-asked
	p.types("\x03")
	p.sees("may still be on its way")
	p.sees("keep the key, which was written to " + file + ", until hv phase show names another")
	p.exits(130)
	close(goOn)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recovery.Parse(string(text)); err != nil {
		t.Error(err)
	}
}

// hv-helper was away in the middle: the daemon's answer does not say that nothing was done.
func TestAKeyStaysWhereTheDaemonDoesNotKnow(t *testing.T) {
	f, socket := newFake(t)
	f.sealed(func(s *seal) { s.fails = true })
	file := filepath.Join(t.TempDir(), "key")
	p := sit(t, 400, socket, "phase", "harden", "--yes", "--key-file", file)
	p.sees("keep the key, which was written to " + file)
	p.exits(1)
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestAKeyIsTypedAndNotSeen(t *testing.T) {
	f, socket := newFake(t)
	k := recovery.New([recovery.Random]byte{1, 2, 3})
	f.sealed(func(s *seal) { s.phase.Name, s.hash = "hardened", recovery.HashOf(k, [recovery.SaltBytes]byte{}) })
	p := sit(t, 100, socket, "phase", "unlock")
	p.sees("recovery key: ")
	p.types(k.Text() + "\n")
	p.sees("is being unlocked")
	p.exits(0)
	if strings.Contains(p.seen.String(), k.Text()[:5]) {
		t.Errorf("it stands on the terminal: %q", p.seen.String())
	}
	if after, err := unix.IoctlGetTermios(int(p.master.Fd()), unix.TCGETS); err != nil || *after != p.before {
		t.Errorf("the terminal was left as %+v (%v)", after, err)
	}
}

func TestCtrlCAtAHiddenQuestionGivesTheTerminalBack(t *testing.T) {
	f, socket := newFake(t)
	f.sealed(func(s *seal) { s.phase.Name = "hardened" })
	p := sit(t, 100, socket, "phase", "unlock")
	p.sees("recovery key: ")
	p.types("\x03")
	p.exits(130)
	if after, err := unix.IoctlGetTermios(int(p.master.Fd()), unix.TCGETS); err != nil || *after != p.before {
		t.Errorf("the terminal was left as %+v (%v)", after, err)
	}
}
