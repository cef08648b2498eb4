package audit_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
	"github.com/hyper-nixos/hyper-nixos/test/powercut"
)

const poweredDir = "AUDIT_TEST_POWERED_DIR"

// powered appends records of all sizes from several goroutines, in small segments, and says each that was
// acknowledged.
func powered(dir string) int {
	l, err := audit.Open(filepath.Join(dir, "audit"), audit.Options{SegmentBytes: 6000})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 12 {
				r := audit.Record{Time: time.Unix(int64(i+1), 0), Action: "vm.start", Phase: audit.Note, Result: strings.Repeat("x", 90*i*(g+1)%3000)}
				got, err := l.Append(context.Background(), r)
				if err != nil {
					os.Exit(1)
				}
				_, _ = fmt.Fprintf(os.Stdout, "%d\n", got.Seq)
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// As of the store: see store/local. A log that a power cut has left is opened, without a word of damage, and
// has every record that was acknowledged.
func TestEveryAcknowledgedRecordIsThereAfterAPowerCut(t *testing.T) {
	root := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), poweredDir+"="+root)
	disk, err := powercut.Record(t, root, cmd).Disk()
	if err != nil {
		t.Fatal(err)
	}
	if len(disk.Acks) != 48 || disk.Syncs < 10 {
		t.Fatalf("%d acknowledgements, %d syncs", len(disk.Acks), disk.Syncs)
	}
	for place := 0; place <= disk.Lines+1; place++ {
		luck := powercut.Any(uint64(place))
		switch place % 4 {
		case 0:
			luck = powercut.None
		case 2:
			luck = powercut.All
		}
		afterCut(t, disk, place, luck)
		if t.Failed() {
			return
		}
	}
}

func afterCut(t *testing.T, disk *powercut.Disk, place int, luck powercut.Luck) {
	t.Helper()
	dir := t.TempDir()
	if err := disk.Cut(place, luck, dir); err != nil {
		t.Fatal(err)
	}
	acknowledged := int64(0)
	for _, a := range disk.Acks {
		var seq int64
		if _, err := fmt.Sscan(a.Text, &seq); err != nil {
			t.Fatal(a.Text)
		}
		if a.Place <= place {
			acknowledged = max(acknowledged, seq)
		}
	}
	path := filepath.Join(dir, "audit")
	l, err := audit.Open(path, audit.Options{SegmentBytes: 6000})
	if err != nil {
		t.Errorf("after a cut at %d of %d: %v", place, disk.Lines, err)
		return
	}
	if l.Size() < acknowledged {
		t.Errorf("after a cut at %d: record %d was acknowledged; there are %d", place, acknowledged, l.Size())
	}
	if _, err := l.Append(t.Context(), audit.Record{Time: noon, Action: "x", Phase: audit.Note}); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, problems := verify.Verify(os.DirFS(path), ""); len(problems) > 0 {
		t.Errorf("after a cut at %d: %v", place, problems)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}
