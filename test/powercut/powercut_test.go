//go:build linux

package powercut

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const programDir = "POWERCUT_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(programDir); dir != "" {
		program(dir)
		return
	}
	os.Exit(m.Run())
}

// program writes files as carefully as their names say.
func program(dir string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, sync bool) {
		f, err := os.Create(in(name))
		if err != nil {
			panic(err)
		}
		if _, err := f.WriteAt([]byte(strings.Repeat(name[:1], 3*sector)), 0); err != nil {
			panic(err)
		}
		if sync {
			_ = f.Sync()
		}
		_ = f.Close()
	}
	folder := func(path string) {
		d, err := os.Open(path)
		if err != nil {
			panic(err)
		}
		_ = d.Sync()
		_ = d.Close()
	}
	say := func(text string) { _, _ = fmt.Fprint(os.Stdout, text) }

	write("a-synced", true)
	write("b-not", false)
	write("c-renamed.new", true)
	folder(dir)
	say("written")
	_ = os.Rename(in("c-renamed.new"), in("c-renamed"))
	write("d-nameless", true)
	_ = os.Mkdir(in("e"), 0o700)
	write("e/file", true)
	folder(in("e"))
	say("half")
	folder(dir)
	_ = os.Remove(in("a-synced"))
	say("done")
}

// found is what is in a folder: names, and how many bytes of their own letter they have.
func found(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path) // #nosec G122 -- a folder of the test
		name := strings.TrimPrefix(path, dir+"/")
		all = append(all, fmt.Sprintf("%s %d", name, strings.Count(string(b), name[:1])))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsNotSyncedMayBeLostAndWhatIsIsNot(t *testing.T) {
	root := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), programDir+"="+root)
	disk, err := Record(t, root, cmd).Disk()
	if err != nil {
		t.Fatal(err)
	}
	if len(disk.Acks) != 3 || disk.Acks[1].Text != "half" {
		t.Fatalf("%+v", disk.Acks)
	}
	for _, c := range []struct {
		place int
		luck  Luck
		want  []string
	}{
		{0, None, nil},
		{disk.Acks[0].Place, None, []string{"a-synced 1536", "b-not 0", "c-renamed.new 1536"}},
		{disk.Acks[0].Place, All, []string{"a-synced 1536", "b-not 1536", "c-renamed.new 1536"}},
		{disk.Acks[1].Place, None, []string{"a-synced 1536", "b-not 0", "c-renamed.new 1536"}},
		{disk.Acks[2].Place, None, []string{"a-synced 1536", "b-not 0", "c-renamed 1536", "d-nameless 1536", "e/file 1536"}},
		{disk.Acks[2].Place, All, []string{"b-not 1536", "c-renamed 1536", "d-nameless 1536", "e/file 1536"}},
	} {
		to := t.TempDir()
		if err := disk.Cut(c.place, c.luck, to); err != nil {
			t.Fatal(err)
		}
		if got := found(t, to); !slices.Equal(got, c.want) {
			t.Errorf("cut at %d: %v", c.place, got)
		}
	}
	sizes := map[string]bool{}
	for seed := range uint64(60) {
		to := t.TempDir()
		if err := disk.Cut(disk.Acks[0].Place, Any(seed), to); err != nil {
			t.Fatal(err)
		}
		sizes[found(t, to)[1]] = true
	}
	if len(sizes) != 4 {
		t.Errorf("three sectors that may be there or not: %v", sizes)
	}
}

func TestARecordOfSeveralThreadsIsPutTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	text := `1 openat(AT_FDCWD</x>, "\x2f\x64\x2f\x61", O_RDWR|O_CREAT, 0600) = 3<\x2f\x64\x2f\x61>
1 pwrite64(3<\x2f\x64\x2f\x61>, "\x68\x69", 2, 0 <unfinished ...>
2 fsync(3<\x2f\x64\x2f\x61> <unfinished ...>
1 <... pwrite64 resumed>) = 2
2 <... fsync resumed>) = 0
1 fsync(4</d>) = 0
2 fsync(3</d/a>) = -1 EIO (Input/output error)
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tr, err := read(path, "/d")
	if err != nil {
		t.Fatal(err)
	}
	d, err := tr.Disk()
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := d.Cut(99, None, to); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(to, "a")); err != nil || len(b) != 0 {
		t.Errorf("%q %v: the sync began before the write had ended, and the other one failed", b, err)
	}
	for _, bad := range []string{"nothing\n", "1 <... fsync resumed>) = 0\n"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(path, "/d"); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
