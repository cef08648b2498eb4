package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/test/powercut"
)

const poweredDir = "STORE_TEST_POWERED_DIR"

// powered commits from several goroutines, says each commit that was acknowledged, and has the write-ahead log
// copied and begun anew now and then. It runs in a process of its own.
func powered(dir string) int {
	s, err := Open(filepath.Join(dir, "store"), Options{History: 20})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for round := range 3 {
		var all sync.WaitGroup
		for g := range victims {
			all.Go(func() {
				for i := 8*round + 1; i <= 8*(round+1); i++ {
					value := fmt.Appendf(nil, "%d%s", i, strings.Repeat(" ", i*i))
					_, err := s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp(key("a", g), value, 0), store.PutOp(key("b", g), value, 0)}})
					if err != nil {
						os.Exit(1)
					}
					_, _ = fmt.Fprintf(os.Stdout, "%d %d\n", g, i)
				}
			})
		}
		all.Wait()
		s.writer.wal.checkpoint()
	}
	if err := s.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// What was acknowledged is on the disk, whatever a power cut leaves of the rest: the system calls of a store
// are recorded, and the disk is made anew for a cut at every acknowledgement, and between.
func TestEveryAcknowledgedCommitIsThereAfterAPowerCut(t *testing.T) {
	root := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), poweredDir+"="+root)
	disk, err := powercut.Record(t, root, cmd).Disk()
	if err != nil {
		t.Fatal(err)
	}
	if len(disk.Acks) != victims*24 || disk.Syncs < 10 {
		t.Fatalf("%d acknowledgements, %d syncs", len(disk.Acks), disk.Syncs)
	}
	places := []int{disk.Lines + 1}
	for i, a := range disk.Acks {
		places = append(places, a.Place)
		if i%4 == 0 {
			places = append(places, a.Place-3)
		}
	}
	for i, place := range places {
		lucks := []powercut.Luck{powercut.None, powercut.Any(uint64(i))}
		if i%8 == 0 {
			lucks = append(lucks, powercut.All)
		}
		for _, luck := range lucks {
			afterCut(t, disk, place, luck)
		}
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
	var acknowledged [victims]int
	for _, a := range disk.Acks {
		var g, i int
		if _, err := fmt.Sscan(a.Text, &g, &i); err != nil {
			t.Fatal(a.Text)
		}
		if a.Place <= place {
			acknowledged[g] = max(acknowledged[g], i)
		}
	}
	s, err := Open(filepath.Join(dir, "store"), Options{History: 20})
	if err != nil {
		t.Errorf("after a cut at %d: %v", place, err)
		return
	}
	for g, want := range acknowledged {
		a, b := cutNumber(s, key("a", g)), cutNumber(s, key("b", g))
		if a < want || a != b {
			t.Errorf("after a cut at %d: commit %d was acknowledged; there are %d and %d", place, want, a, b)
		}
	}
	if err := errors.Join(s.Close(), os.RemoveAll(dir)); err != nil {
		t.Error(err)
	}
}

func cutNumber(s *Store, key string) int {
	kv, err := s.Get(context.Background(), key)
	if err != nil {
		return 0
	}
	var n int
	_, _ = fmt.Sscan(string(kv.Value), &n)
	return n
}
