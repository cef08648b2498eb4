// Package memory is where tests keep what they write when it is not the disk that is tested: a store that is open in a test
// waits for its disk at each commit, which on a machine that does other things is most of what such tests take.
//
// What lives here: the folder. What does not: the tests of what a commit promises of a disk, which use one.
package memory

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Dir makes a folder in memory that goes with the test; where there is none in memory it is where all temporary files are.
func Dir(t testing.TB) string {
	t.Helper()
	const shm = "/dev/shm"
	parent := ""
	if unix.Access(shm, unix.W_OK) == nil {
		parent = shm
	}
	dir, err := os.MkdirTemp(parent, "hv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
