//go:build linux

package console

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestALogIsReadFromItsEnd(t *testing.T) {
	g := newGuest(t)
	g.print("one\ntwo\n")
	for tail, want := range map[int]string{-1: "one\ntwo\n", 0: "", 4: "two\n", 1000: "one\ntwo\n"} {
		r, err := g.lines.Read(t.Context(), model.Ref{Name: "web"}, Serial, vm.LogPart{Lines: -1, Tail: tail})
		g.must(err)
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("the last %d bytes are %q, %v", tail, got, err)
		}
		g.must(r.Close())
	}
}

// numbered writes lines of 64 bytes, each with its number.
func (g *guest) numbered(from, to int) {
	g.t.Helper()
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "%063d\n", i)
	}
	g.print(b.String())
}

const lines = MaxLog / 64

func TestALogThatGrowsTooLargeKeepsItsNewerHalfAndItsFollowersStayWhereTheyAre(t *testing.T) {
	g := newGuest(t)
	g.numbered(0, lines/4)
	slow := g.view(64) // one line before the end of the older quarter
	g.numbered(lines/4, lines*3/4)
	middle := g.view(64) // in what is kept
	g.numbered(lines*3/4, lines+1)
	fast := g.view(0)

	g.logs.look(logName(uuid, Serial))
	g.print("after\n")

	g.reads(fast, "after\n")
	first := make([]byte, 128)
	_, err := io.ReadFull(middle, first)
	g.must(err)
	if want := fmt.Sprintf("%063d\n%063d\n", lines*3/4-1, lines*3/4); string(first) != want {
		t.Errorf("in the middle it goes on with %q, want %q", first, want)
	}
	g.reads(slow, cutNote)
	_, err = io.ReadFull(slow, first)
	g.must(err)
	if want := fmt.Sprintf("%063d\n%063d\n", lines/2+1, lines/2+2); string(first) != want {
		t.Errorf("behind the note it goes on with %q, want %q", first, want)
	}
	if n := g.onDisk(); n > MaxLog/2+(128<<10) {
		t.Errorf("the log takes %d bytes", n)
	}
	before := g.onDisk()
	g.logs.look(logName(uuid, Serial)) // it is small enough
	if n := g.onDisk(); n != before {
		t.Errorf("%d bytes, then %d", before, n)
	}
	r, err := g.logs.Read(uuid, Serial, all) // who comes later begins at a line
	g.must(err)
	g.reads(r, cutNote+fmt.Sprintf("%063d\n", lines/2+1))
	g.must(r.Close())
}

// onDisk is how much room the serial log takes.
func (g *guest) onDisk() int64 {
	g.t.Helper()
	var st unix.Stat_t
	g.must(unix.Fstat(int(g.log.Fd()), &st))
	return st.Blocks * 512
}

// A guest prints on while its log is cut, and who follows misses nothing.
func TestALogIsCutWhileTheGuestPrintsAndNothingIsLost(t *testing.T) {
	g := newGuest(t)
	const more = 1 << 15
	g.numbered(0, lines+1)
	from := 0
	v := g.view(64)
	var printing sync.WaitGroup
	printing.Go(func() {
		for i := lines + 1; i < lines+more; i += 8 {
			g.numbered(i, i+8)
		}
	})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for range 100 {
			g.logs.look(logName(uuid, Serial))
		}
	})
	buf := make([]byte, 64)
	for want := lines; want < lines+more-8; want++ {
		_, err := io.ReadFull(v, buf)
		g.must(err)
		if got := string(buf); got != fmt.Sprintf("%063d\n", want) {
			t.Fatalf("after line %d comes %q", want-1, got)
		}
		from = want
	}
	printing.Wait()
	cutting.Wait()
	if from == 0 {
		t.Error("nothing was read")
	}
}

func TestALogIsCutWhenItIsWrittenToAndAnIdleOneIsNotLookedAt(t *testing.T) {
	g := newGuest(t)
	g.logs.rest = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { g.logs.Run(ctx, []string{uuid}) })
	for range 3 { // each time is told
		g.numbered(0, lines+1)
		for until := time.Now().Add(10 * time.Second); g.onDisk() > MaxLog; {
			if time.Now().After(until) {
				t.Fatalf("the log takes %d bytes", g.onDisk())
			}
			runtime.Gosched()
		}
	}
	cancel()
	running.Wait()
}

func TestALogHasAWatchThatTellsOnceUntilItIsSetAgain(t *testing.T) {
	g := newGuest(t)
	heard := func() []string {
		t.Helper()
		buf := make([]byte, 4096)
		g.must(g.logs.grown.notify.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
		n, err := g.logs.grown.notify.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		g.must(err)
		return g.logs.grown.told(buf[:n])
	}
	for range 2 {
		g.print("a")
		if got := heard(); len(got) != 1 || got[0] != logName(uuid, Serial) {
			t.Fatalf("told %v", got)
		}
		g.print("b")
		if got := heard(); len(got) != 0 {
			t.Fatalf("told again: %v", got)
		}
		g.logs.look(logName(uuid, Serial))
	}
	overflow := make([]byte, unix.SizeofInotifyEvent)
	binary.NativeEndian.PutUint32(overflow[4:], unix.IN_Q_OVERFLOW)
	if got := g.logs.grown.told(overflow); len(got) != 1 {
		t.Errorf("after an overflow %v are looked at", got)
	}
}

func FuzzEventsOfInotify(f *testing.F) {
	f.Add(make([]byte, 48))
	f.Fuzz(func(t *testing.T, text []byte) {
		g := growth{names: map[int32]string{1: "a", 2: "b"}}
		if got := g.told(text); len(got) > len(text) {
			t.Errorf("%d names in %d bytes", len(got), len(text))
		}
	})
}

func TestTheLastLinesOfALog(t *testing.T) {
	for text, wants := range map[string]map[int]string{
		"one\ntwo\nthree\n": {0: "", 1: "three\n", 2: "two\nthree\n", 3: "one\ntwo\nthree\n", 9: "one\ntwo\nthree\n"},
		"one\nlogin:":       {1: "login:", 2: "one\nlogin:"},
		"\n\n\n":            {1: "\n", 2: "\n\n", 3: "\n\n\n"},
		"":                  {1: "", 0: ""},
		strings.Repeat("x", 100_000) + "\n" + strings.Repeat("y", 100_000) + "\n": {1: strings.Repeat("y", 100_000) + "\n"},
	} {
		for n, want := range wants {
			at, err := lastLines(strings.NewReader(text), 0, int64(len(text)), n)
			if err != nil || text[at:] != want {
				t.Errorf("the last %d lines of %.40q are %.40q, %v", n, text, text[at:], err)
			}
		}
	}
}

func TestWhoFollowsALogReadsOnInTheNextRun(t *testing.T) {
	g := newGuest(t)
	follow, err := g.logs.Read(uuid, Serial, vm.LogPart{Lines: 1, Tail: -1, Follow: true})
	g.must(err)
	g.print("first run\n")
	g.reads(follow, "first")
	for _, run := range []string{"second run\n", "third run\n"} { // before he has read on
		log, err := g.logs.Append(uuid, Serial)
		g.must(err)
		_, err = log.WriteString(run)
		g.must(errors.Join(err, log.Close()))
	}
	g.reads(follow, " run\nsecond run\nthird run\n")
	g.must(g.logs.Remove(uuid))
	if rest, err := io.ReadAll(follow); err != nil || len(rest) > 0 {
		t.Errorf("of a VM that was deleted comes %q, %v", rest, err)
	}
	g.must(follow.Close())
}

func TestQEMUsOwnWordsBeginAnewWithEachRunAndTheLastAreKept(t *testing.T) {
	g := newGuest(t)
	if w := g.logs.Words(uuid); w != "" {
		t.Errorf("it said %q before its first start", w)
	}
	write := func(text string) {
		t.Helper()
		f, err := g.logs.Append(uuid, QEMU)
		g.must(err)
		_, err = f.WriteString(text)
		g.must(errors.Join(err, f.Close()))
	}
	write("")
	write("first run, and a long one\n")
	follow, err := g.logs.Read(uuid, QEMU, vm.LogPart{Lines: -1, Tail: -1, Follow: true})
	g.must(err)
	g.reads(follow, "first run, and a long one\n")
	write("second run, and a longer one yet\n")
	g.reads(follow, "second run, and a longer one yet\n")
	g.must(follow.Close())
	before, err := g.logs.Read(uuid, QEMU+previous, all)
	g.must(err)
	g.reads(before, "first run, and a long one\n")
	g.must(before.Close())
	write(strings.Repeat("x", 5000) + "\x1b[31mqemu: no room\x07\n")
	if w := g.logs.Words(uuid); len(w) > maxWords || !strings.HasSuffix(w, "[31mqemu: no room") {
		t.Errorf("its last words are %q", w)
	}
	g.must(g.logs.Remove(uuid))
	g.must(g.logs.Remove(uuid))
	if w := g.logs.Words(uuid); w != "" {
		t.Errorf("they outlive the VM: %q", w)
	}
}

func TestCuttingEndsWithItsContext(t *testing.T) {
	g := newGuest(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.logs.Run(ctx, nil)
}

func TestEachRunHasALogOfItsOwnAndTheOneBeforeIsKept(t *testing.T) {
	g := newGuest(t)
	g.print("first run\n")
	for _, run := range []string{"second run\n", "third run\n"} {
		log, err := g.logs.Append(uuid, Serial)
		g.must(err)
		_, err = log.WriteString(run)
		g.must(err)
		g.must(log.Close())
	}
	for log, want := range map[string]string{Serial: "third run\n", Previous: "second run\n"} {
		r, err := g.logs.Read(uuid, log, all)
		g.must(err)
		got, err := io.ReadAll(r)
		g.must(err)
		if string(got) != want {
			t.Errorf("%s holds %q, want %q", log, got, want)
		}
		g.must(r.Close())
	}
}

func TestALogThatCannotBeCutIsToldOnce(t *testing.T) {
	g := newGuest(t)
	var words bytes.Buffer
	g.logs.log = slog.New(slog.NewTextHandler(&words, nil))
	for range 3 {
		g.logs.told(logName(uuid, Serial), unix.EOPNOTSUPP)
	}
	g.logs.told(logName(uuid, Serial), nil)
	g.logs.told(logName(uuid, Serial), unix.EOPNOTSUPP)
	if n := strings.Count(words.String(), "goes on growing"); n != 2 {
		t.Errorf("told %d times:\n%s", n, words.String())
	}
}
