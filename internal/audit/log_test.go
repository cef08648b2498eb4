package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir)
	}
	if dir := os.Getenv(smallDiskDir); dir != "" {
		os.Exit(onSmallDisk(dir))
	}
	if dir := os.Getenv(poweredDir); dir != "" {
		os.Exit(powered(dir))
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string, opt audit.Options) *audit.Log {
	t.Helper()
	if opt.Now == nil {
		opt.Now = func() time.Time { return noon }
	}
	l, err := audit.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, l) })
	return l
}

func shut(t testing.TB, l *audit.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func start(n int) audit.Record {
	return audit.Record{
		Time: noon.Add(time.Duration(n) * time.Second), Actor: audit.Actor{UID: 1000, User: "ada", Via: "unix"},
		Action: "vm.start", Target: fmt.Sprintf("vm web-%d", n), Phase: audit.Intent, Operation: fmt.Sprintf("op-%d", n),
	}
}

func add(t testing.TB, l *audit.Log, n int) {
	t.Helper()
	for i := range n {
		if _, err := l.Append(t.Context(), start(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// whole fails the test if verify finds anything, or not n records.
func whole(t testing.TB, dir string, n int64) {
	t.Helper()
	report, problems := verify.Verify(os.DirFS(dir), "")
	if len(problems) > 0 || report.Records != n || report.Signed != n || report.Unsigned != 0 {
		t.Errorf("verify: %+v, problems %v; want %d records, all signed", report, problems, n)
	}
}

func TestARecordIsReadBackAsItWasWrittenAlsoAfterAReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := open(t, dir, audit.Options{})
	intent, err := l.Append(t.Context(), start(1))
	if err != nil {
		t.Fatal(err)
	}
	outcome := start(1)
	outcome.Phase, outcome.Intent, outcome.Error = audit.Outcome, intent.Seq, "no room"
	outcome.Params = map[string]string{"memory": "1 GiB <&>", "vncPassword": "hunter2"}
	if _, err := l.Append(t.Context(), outcome); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		page, err := l.Read(t.Context(), 0, 0, audit.Filter{})
		if err != nil || len(page.Records) != 2 || page.More || page.Next != 2 {
			t.Fatalf("got %+v, %v", page, err)
		}
		got := page.Records[1]
		if got.Intent != 1 || got.Error != "no room" || got.Params["memory"] != "1 GiB <&>" || !got.Time.Equal(outcome.Time) || got.Actor != outcome.Actor {
			t.Errorf("got %+v", got)
		}
		if got.Params["vncPassword"] != "[not logged]" {
			t.Errorf("a password is in the log: %q", got.Params["vncPassword"])
		}
		shut(t, l)
		l = open(t, dir, audit.Options{})
	}
	whole(t, dir, 2)
}

func TestTheFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := open(t, dir, audit.Options{SegmentBytes: 2000})
	add(t, l, 20)
	shut(t, l)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(entries, stat(t, dir)) {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 && info.Name() != record.PublicFile {
			t.Errorf("%s has mode %v", info.Name(), info.Mode())
		}
	}
}

func stat(t *testing.T, path string) os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == filepath.Base(path) {
			return e
		}
	}
	t.Fatalf("no %s", path)
	return nil
}

func TestRecordsThatAreAppendedTogetherAllGetANumberOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Options{SegmentBytes: 20_000})
	const writers, each = 16, 20
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]bool{}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r, err := l.Append(context.Background(), start(w*each+i))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[r.Seq] || r.Seq < 1 || r.Seq > writers*each {
					t.Errorf("number %d", r.Seq)
				}
				seen[r.Seq] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != writers*each || l.Size() != writers*each {
		t.Errorf("%d numbers, size %d", len(seen), l.Size())
	}
	whole(t, dir, writers*each)
}

func TestPagesAndFiltersFindEveryRecordAcrossSegments(t *testing.T) {
	l := open(t, t.TempDir(), audit.Options{SegmentBytes: 1500})
	add(t, l, 30)
	var all []audit.Record
	for after := int64(0); ; {
		page, err := l.Read(t.Context(), after, 7, audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Records...)
		if after = page.Next; !page.More {
			break
		}
	}
	for i, r := range all {
		if r.Seq != int64(i+1) {
			t.Fatalf("record %d stands at %d", r.Seq, i)
		}
	}
	if len(all) != 30 {
		t.Fatalf("%d records", len(all))
	}
	for _, c := range []struct {
		f    audit.Filter
		want int
	}{
		{audit.Filter{Target: "vm web-7"}, 1},
		{audit.Filter{Action: "vm."}, 30},
		{audit.Filter{Action: "vm"}, 0},
		{audit.Filter{User: "eve"}, 0},
		{audit.Filter{Operation: "op-29"}, 1},
		{audit.Filter{Phase: audit.Outcome}, 0},
		{audit.Filter{Since: noon.Add(10 * time.Second), Until: noon.Add(12 * time.Second)}, 2},
	} {
		page, err := l.Read(t.Context(), 0, 0, c.f)
		if err != nil || len(page.Records) != c.want {
			t.Errorf("%+v finds %d, %v; want %d", c.f, len(page.Records), err, c.want)
		}
	}
}

func TestWhatIsNoRecordIsRefusedByName(t *testing.T) {
	l := open(t, t.TempDir(), audit.Options{})
	for want, change := range map[string]func(*audit.Record){
		"names no action":      func(r *audit.Record) { r.Action = "" },
		"has no time":          func(r *audit.Record) { r.Time = time.Time{} },
		"unknown phase":        func(r *audit.Record) { r.Phase = "later" },
		"names its intent":     func(r *audit.Record) { r.Phase = audit.Outcome },
		"which does not exist": func(r *audit.Record) { r.Phase, r.Intent = audit.Outcome, 9 },
		"target":               func(r *audit.Record) { r.Target = strings.Repeat("x", 600) },
		"parameters": func(r *audit.Record) {
			r.Params = map[string]string{}
			for i := range 100 {
				r.Params[fmt.Sprint(i)] = ""
			}
		},
	} {
		r := start(1)
		change(&r)
		if _, err := l.Append(t.Context(), r); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if l.Size() != 0 {
		t.Error("a refused record was written")
	}
}

func TestALongErrorIsClippedNotRefused(t *testing.T) {
	l := open(t, t.TempDir(), audit.Options{})
	r := start(1)
	r.Error = strings.Repeat("ä", 5000) + "\xff"
	if _, err := l.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	page, err := l.Read(t.Context(), 0, 0, audit.Filter{})
	if err != nil || len(page.Records[0].Error) > record.MaxText || !strings.HasSuffix(page.Records[0].Error, "ä…") {
		t.Errorf("%v, %d bytes", err, len(page.Records[0].Error))
	}
}

func TestASecondOpenerIsToldWhoHasTheLog(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, audit.Options{})
	_, err := audit.Open(dir, audit.Options{})
	if !errors.Is(err, fault.Conflict) || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

func TestAClosedLogSaysSo(t *testing.T) {
	l := open(t, t.TempDir(), audit.Options{})
	shut(t, l)
	if _, err := l.Append(t.Context(), start(1)); !errors.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := l.Read(t.Context(), 0, 0, audit.Filter{}); !errors.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestAnAppendThatIsGivenUpInTimeWritesNothing(t *testing.T) {
	l := open(t, t.TempDir(), audit.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, start(1)); !errors.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if l.Size() != 0 {
		t.Error("it was written")
	}
}

func TestFullSegmentsAreSealedAlsoAfterACrash(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, audit.Options{SegmentBytes: 500})
	for range 6 {
		if _, err := l.Append(t.Context(), audit.Record{Time: noon, Action: "x", Phase: audit.Note}); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, l)
	segments, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(segments) < 3 {
		t.Fatal(segments, err)
	}
	check := func() {
		t.Helper()
		for _, path := range segments[:len(segments)-1] {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o400 {
				t.Errorf("%s: %v %v", path, info.Mode(), err)
			}
		}
	}
	check()
	if err := os.Chmod(segments[0], 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, audit.Options{SegmentBytes: 500})
	check()
}
