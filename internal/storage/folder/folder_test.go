//go:build linux

package folder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

func open(t *testing.T) (*Folder, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "new", "folder")
	f, err := Open(path, "things")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, path
}

func TestAFileHasItsNameWhenAllOfItIsThere(t *testing.T) {
	f, path := open(t)
	for _, text := range []string{"one", "two"} { // the second takes the place of the first
		err := f.Make(func(file *os.File) (string, error) {
			if filepath.Dir(file.Name()) != path {
				t.Errorf("it is made at %s", file.Name())
			}
			if old, err := os.ReadFile(filepath.Join(path, "thing")); err == nil && string(old) == text {
				t.Error("it has its name already")
			}
			_, err := file.WriteString(text)
			return "thing", err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(path, "thing")); string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestWhatFailsLeavesNothing(t *testing.T) {
	f, path := open(t)
	broken := errors.New("broken")
	if err := f.Make(func(*os.File) (string, error) { return "thing", broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if err := f.Make(func(*os.File) (string, error) { return "../thing", nil }); err == nil {
		t.Error("a name reached out of the folder")
	}
	if left, _ := os.ReadDir(path); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAStreamIsReceivedWholeOrRefused(t *testing.T) {
	for size, want := range map[model.Bytes]string{0: "", 3: "abc", 5: "abcde"} {
		var got strings.Builder
		if sum, err := Receive(t.Context(), &got, size, strings.NewReader("abcde")); err != nil || len(sum) != 64 || got.String() != want {
			t.Errorf("of %d: %q %s %v", size, got.String(), sum, err)
		}
	}
	if _, err := Receive(t.Context(), &strings.Builder{}, 6, strings.NewReader("abcde")); !errors.Is(err, fault.Invalid) {
		t.Errorf("of a short one: %v", err)
	}
}
