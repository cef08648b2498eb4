//go:build linux

package saved

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

const (
	uuid = "6e5a4d2c-0b1f-4f0e-9d57-3c8a1f2b7e90"
	name = uuid + ".20260102T120000"
)

func open(t *testing.T) (*Files, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saved")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, path
}

func save(t *testing.T, f *Files, name, text string) {
	t.Helper()
	file, err := f.Create(t.Context(), name, model.MiB)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsSavedIsThereForItsOwnerOnlyAndTakesNoMoreRoomThanItNeeds(t *testing.T) {
	f, path := open(t)
	save(t, f, name, "memory")
	f.Spread(t.Context(), name)
	f.Spread(t.Context(), "none")
	size, err := f.Keep(t.Context(), name)
	if err != nil || size != 6 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(path, name), &st); err != nil {
		t.Fatal(err)
	}
	if st.Mode&0o777 != 0o600 || st.Blocks*512 > 64<<10 {
		t.Errorf("mode %o, %d bytes of the disk for 6", st.Mode&0o777, st.Blocks*512)
	}
	file, err := f.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	if err != nil || string(text) != "memory" {
		t.Errorf("%q, %v", text, err)
	}
	flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
		t.Errorf("access mode %o, %v", flags, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhereThereIsNoRoomBothFiguresAreNamedAndNothingIsLeft(t *testing.T) {
	f, path := open(t)
	_, err := f.Create(t.Context(), name, 1<<60)
	if fault.KindOf(err) != fault.Exhausted || fault.CodeOf(err) != "HV-VM-082" || fault.Retryable(err) {
		t.Fatalf("%v (%s)", err, fault.CodeOf(err))
	}
	if !strings.Contains(err.Error(), model.Bytes(1<<60).String()) || !strings.Contains(err.Error(), "are free") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(path); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestASavedVMIsWrittenAnew(t *testing.T) {
	f, _ := open(t)
	save(t, f, name, "much that was written before it was cut off")
	save(t, f, name, "new")
	if size, err := f.Keep(t.Context(), name); err != nil || size != 3 {
		t.Errorf("%d bytes, %v", size, err)
	}
}

func TestAllThatWasSavedOfAVMGoesAndNothingOfAnother(t *testing.T) {
	f, path := open(t)
	other := strings.Replace(uuid, "6e5a", "7e5a", 1) + ".1"
	save(t, f, name, "a")
	save(t, f, uuid+".2", "b")
	save(t, f, other, "c")
	if all, err := f.UUIDs(t.Context()); err != nil || len(all) != 2 || all[0] != uuid || all[1]+".1" != other {
		t.Errorf("there are files of %v, %v", all, err)
	}
	for range 2 {
		if err := f.Remove(t.Context(), uuid); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(path)
	if err != nil || len(left) != 1 || left[0].Name() != other {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := f.Open(t.Context(), name); fault.KindOf(err) != fault.NotFound || fault.CodeOf(err) != "HV-VM-085" {
		t.Errorf("%v", err)
	}
}

func TestANameThatLeadsOutOfTheFolderIsRefused(t *testing.T) {
	f, _ := open(t)
	for _, bad := range []string{"", "../x", uuid, uuid + ".", uuid + "./../x", uuid + ".a/b", strings.ToUpper(uuid) + ".1", uuid + "." + strings.Repeat("a", 33)} {
		if file, err := f.Create(t.Context(), bad, 1); err == nil {
			_ = file.Close()
			t.Errorf("%q was made", bad)
		}
		if file, err := f.Open(t.Context(), bad); err == nil {
			_ = file.Close()
			t.Errorf("%q was opened", bad)
		}
		if _, err := f.Keep(t.Context(), bad); err == nil {
			t.Errorf("%q was kept", bad)
		}
	}
}

func TestAFileWithNothingInItIsNotKept(t *testing.T) {
	f, _ := open(t)
	save(t, f, name, "")
	if size, err := f.Keep(t.Context(), name); err == nil {
		t.Errorf("it was, with %d bytes", size)
	}
}
