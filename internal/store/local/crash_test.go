package local

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

const (
	victimDir    = "STORE_TEST_VICTIM_DIR"
	smallDiskDir = "STORE_TEST_SMALL_DISK_DIR"
	victims      = 4
)

// victim commits for ever, from several goroutines, and says each commit that was acknowledged.
// Each transaction writes two keys of one value.
func victim(dir string) {
	s, err := Open(dir, Options{History: 50})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for g := range victims {
		go func() {
			for i := numberOf(s, key("a", g)) + 1; ; i++ {
				value := []byte(strconv.Itoa(i))
				_, err := s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp(key("a", g), value, 0), store.PutOp(key("b", g), value, 0)}})
				if err != nil {
					os.Exit(1)
				}
				_, _ = fmt.Fprintf(os.Stdout, "%d %d\n", g, i)
			}
		}()
	}
	select {}
}

func key(pair string, g int) string { return fmt.Sprintf("/%s/%d", pair, g) }

func numberOf(s *Store, key string) int {
	kv, err := s.Get(context.Background(), key)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(string(kv.Value))
	return n
}

func TestEveryAcknowledgedCommitIsThereAfterKillMinusNine(t *testing.T) {
	dir := t.TempDir()
	for round := range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), victimDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged [victims]int
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var g, i int
			if _, err := fmt.Sscan(lines.Text(), &g, &i); err != nil {
				t.Fatal(lines.Text())
			}
			acknowledged[g] = i
			if n == 50+23*round {
				_ = child.Process.Kill()
			}
		}
		_ = child.Wait()
		s := open(t, dir, Options{History: 50})
		for g, want := range acknowledged {
			a, b := numberOf(s, key("a", g)), numberOf(s, key("b", g))
			if a < want || a > want+1 || a != b {
				t.Errorf("round %d: commit %d was acknowledged; there are %d and %d", round, want, a, b)
			}
		}
		if t.Failed() {
			return
		}
		shut(t, s)
	}
}

// onSmallDisk runs in a process of its own on a file system of 3 MiB.
func onSmallDisk(dir string) int {
	s, err := Open(dir+"/store", Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	value := []byte(strings.Repeat("x", 100_000))
	n := 0
	for ; err == nil; n++ {
		_, err = s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp(fmt.Sprintf("/a/%d", n), value, 0), store.PutOp(fmt.Sprintf("/b/%d", n), nil, 0)}})
	}
	fmt.Println(err)
	page, err := s.List(context.Background(), "/", store.ListOptions{})
	fmt.Println(len(page.KVs) == 2*(n-1), err)
	if err := os.Remove(dir + "/ballast"); err != nil {
		fmt.Println(err)
	}
	_, err = s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp("/c", nil, 0)}})
	fmt.Println(err)
	fmt.Println(s.Close())
	s, err = Open(dir+"/store", Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	page, err = s.List(context.Background(), "/", store.ListOptions{})
	fmt.Println(len(page.KVs) == 2*(n-1)+1, err)
	fmt.Println(s.Close())
	return 0
}
