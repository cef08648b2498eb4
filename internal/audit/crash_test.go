package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

const (
	victimDir    = "AUDIT_TEST_VICTIM_DIR"
	smallDiskDir = "AUDIT_TEST_SMALL_DISK_DIR"
)

// victim appends for ever, four at a time, and says each number that was acknowledged.
func victim(dir string) {
	l, err := audit.Open(dir, audit.Options{SegmentBytes: 10_000})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				r, err := l.Append(context.Background(), start(w*1_000_000+i))
				if err != nil {
					os.Exit(1)
				}
				_, _ = fmt.Fprintln(os.Stdout, r.Seq)
			}
		}()
	}
	select {}
}

func TestEveryAcknowledgedRecordIsThereAfterKillMinusNine(t *testing.T) {
	dir := t.TempDir()
	for round := range 4 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), victimDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var last int64
		lines := bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			n, err := strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil {
				t.Fatal(lines.Text())
			}
			last = max(last, n)
			if i == 40+17*round {
				_ = child.Process.Kill()
			}
		}
		_ = child.Wait()
		l := open(t, dir, audit.Options{SegmentBytes: 10_000})
		if l.Size() < last {
			t.Fatalf("record %d was acknowledged, %d are there", last, l.Size())
		}
		shut(t, l)
		whole(t, dir, l.Size())
	}
}

// written makes a log of n records, closed, and returns its folder and its last segment.
func written(t *testing.T, n int, opt audit.Options) (dir, segment string) {
	t.Helper()
	dir = t.TempDir()
	l := open(t, dir, opt)
	add(t, l, n)
	shut(t, l)
	names, err := fs.Glob(os.DirFS(dir), "*.jsonl")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, slices.Max(names))
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600)
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A crash leaves any beginning of the bytes that were being written.
func TestATornEndIsCutAndTheCutIsNoted(t *testing.T) {
	next := start(3)
	next.Seq = 4
	line, err := record.Encode(next.Clean())
	if err != nil {
		t.Fatal(err)
	}
	for name, tail := range map[string]string{
		"half a record":               string(line[:30]),
		"a record without its head":   string(line) + "\n",
		"and half a head":             string(line) + "\n{\"head\":\"x",
		"a hole":                      strings.Repeat("\x00", 4096),
		"a hole with the end written": strings.Repeat("\x00", 100) + "m\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir, segment := written(t, 3, audit.Options{})
			edit(t, segment, func(b []byte) []byte { return append(b, tail...) })
			l := open(t, dir, audit.Options{})
			page, err := l.Read(t.Context(), 3, 0, audit.Filter{})
			if err != nil || len(page.Records) != 1 || page.Records[0].Action != "audit.repair" {
				t.Fatalf("got %+v, %v", page, err)
			}
			if got := page.Records[0].Params["bytes"]; got != strconv.Itoa(len(tail)) {
				t.Errorf("%s bytes were cut, want %d", got, len(tail))
			}
			add(t, l, 1)
			shut(t, l)
			whole(t, dir, 5)
		})
	}
}

func TestASegmentThatWasBegunAndNeverAcknowledgedIsCut(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "half a record": `{"seq":4,"ti`} {
		t.Run(name, func(t *testing.T) {
			dir, _ := written(t, 3, audit.Options{SegmentBytes: 1})
			if err := os.WriteFile(filepath.Join(dir, record.Segment(4)), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			l := open(t, dir, audit.Options{})
			add(t, l, 1)
			shut(t, l)
			whole(t, dir, l.Size())
		})
	}
}

func TestLostHashesAreComputedAgain(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"gone":   func([]byte) []byte { return nil },
		"behind": func(b []byte) []byte { return b[:len(b)-64] },
		"holes":  func(b []byte) []byte { clear(b[32:96]); clear(b[len(b)-96:]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := written(t, 25, audit.Options{SegmentBytes: 2000})
			edit(t, filepath.Join(dir, record.HashFile), change)
			l := open(t, dir, audit.Options{SegmentBytes: 2000})
			add(t, l, 3)
			shut(t, l)
			whole(t, dir, 28)
		})
	}
}

// The file of the newest head is not synced: a power cut may leave an older one.
func TestAHeadThatIsBehindTheLogIsNoDamage(t *testing.T) {
	dir, _ := written(t, 3, audit.Options{})
	path := filepath.Join(dir, record.HeadFile)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, audit.Options{})
	add(t, l, 2)
	shut(t, l)
	edit(t, path, func([]byte) []byte { return old })
	whole(t, dir, 5)
	shut(t, open(t, dir, audit.Options{}))
	if now, err := os.ReadFile(path); err != nil || bytes.Equal(now, old) {
		t.Errorf("it is still behind (%v)", err)
	}
}

func TestADamagedLogTakesNoRecords(t *testing.T) {
	for name, c := range map[string]struct {
		file   string // the last segment if empty
		change func([]byte) []byte
		want   string
	}{
		"an edited record": {"", func(b []byte) []byte { return bytes.Replace(b, []byte("web-2"), []byte("web-9"), 1) }, "record 3 in segment"},
		"a broken record":  {"", func(b []byte) []byte { return bytes.Replace(b, []byte("vm.start"), []byte("vm\"start"), 1) }, "at byte 0"},
		"a dropped record": {"", func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] }, "at byte 0"},
		"a forged head":    {"", func(b []byte) []byte { return append(b[:len(b)-8], 'A', 'A', 'A', 'A', 'A', '"', '}', '\n') }, "signed head"},
		"an acknowledged end that is missing": {"", func(b []byte) []byte {
			return b[:bytes.LastIndex(b, []byte(`{"seq":3`))]
		}, "ends at record 2, but a head for 3 records was signed"},
		"no head":         {record.HeadFile, nil, "signed head is missing"},
		"an empty head":   {record.HeadFile, func([]byte) []byte { return make([]byte, record.HeadSize) }, "newest head cannot be trusted"},
		"no key":          {record.KeyFile, nil, "signing key is missing"},
		"a different key": {record.KeyFile, func([]byte) []byte { return []byte("x\ny\n") }, "signing key cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := written(t, 3, audit.Options{})
			if c.file != "" {
				path = filepath.Join(dir, c.file)
			}
			if c.change == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				edit(t, path, c.change)
			}
			_, err := audit.Open(dir, audit.Options{})
			if !errors.Is(err, fault.Unreadable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if fault.HintOf(err) == "" {
				t.Error("no hint")
			}
		})
	}
}

// onSmallDisk runs in a process of its own on a file system of 1 MiB.
func onSmallDisk(dir string) int {
	l, err := audit.Open(dir+"/audit", audit.Options{SegmentBytes: 50_000})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	r := start(1)
	r.Error = strings.Repeat("x", 3000)
	n := int64(0)
	for ; err == nil; n++ {
		_, err = l.Append(context.Background(), r)
	}
	fmt.Println(err)
	fmt.Println(l.Size() == n-1)
	if err := os.Remove(dir + "/ballast"); err != nil {
		fmt.Println(err)
	}
	_, err = l.Append(context.Background(), r)
	fmt.Println(err)
	fmt.Println(l.Close())
	report, problems := verify.Verify(os.DirFS(dir+"/audit"), "")
	fmt.Println(report.Signed == n, report.Unsigned, problems)
	return 0
}
