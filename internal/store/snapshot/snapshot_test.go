package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func add(t *testing.T, f Folder, at time.Time, revision int64, text string) Manifest {
	t.Helper()
	m, err := f.Add(at, Schedule, func(path string) (Manifest, error) {
		return Manifest{Schema: 1, Revision: revision, Keys: 3}, os.WriteFile(path, []byte(text), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestASnapshotIsListedWithWhatItIsAndVerifies(t *testing.T) {
	f := At(filepath.Join(t.TempDir(), "snapshots"))
	if all, _, err := f.List(); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
	add(t, f, noon.Add(time.Hour), 9, "later")
	m := add(t, f, noon, 7, "first")
	all, bad, err := f.List()
	if err != nil || len(all) != 2 || len(bad) != 0 || all[0] != m {
		t.Fatalf("%+v %v %v", all, bad, err)
	}
	if m.Name != "20260301T120000Z-7" || m.Bytes != 5 || m.Reason != Schedule {
		t.Errorf("%+v", m)
	}
	if err := f.Verify(m); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(f.path)
	if err != nil || len(entries) != 4 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestADamagedSnapshotIsToldApart(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"a bit":  func(p string) error { return os.WriteFile(p, []byte("firsu"), 0o600) },
		"cut":    func(p string) error { return os.Truncate(p, 3) },
		"longer": func(p string) error { return os.WriteFile(p, []byte("first and more"), 0o600) },
		"gone":   os.Remove,
		"a link": func(p string) error { return errors.Join(os.Rename(p, p+"x"), os.Symlink(p+"x", p)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := At(t.TempDir())
			m := add(t, f, noon, 7, "first")
			if err := damage(f.Path(m.Name)); err != nil {
				t.Fatal(err)
			}
			if err := f.Verify(m); !errors.Is(err, fault.Unreadable) || fault.CodeOf(err) != "HV-STORE-005" || fault.HintOf(err) == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAManifestThatCannotBeReadIsNamedAndTheOthersAreListed(t *testing.T) {
	f := At(t.TempDir())
	m := add(t, f, noon, 7, "first")
	bad := add(t, f, noon.Add(time.Hour), 8, "second")
	if err := os.WriteFile(filepath.Join(f.path, bad.Name+manifestSuffix), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, unreadable, err := f.List()
	if err != nil || len(all) != 1 || all[0].Name != m.Name || len(unreadable) != 1 || unreadable[0] != bad.Name {
		t.Errorf("%+v %v %v", all, unreadable, err)
	}
	if _, err := f.Read("20260301T120000Z-1"); !errors.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
	for _, path := range []string{"", "../../etc/passwd", "x", "20260301T120000Z-7/../x"} {
		if _, err := f.Read(path); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v", path, err)
		}
	}
}

func TestOfASnapshotThatFailsNothingIsLeft(t *testing.T) {
	f := At(t.TempDir())
	_, err := f.Add(noon, Start, func(path string) (Manifest, error) {
		return Manifest{}, errors.Join(os.WriteFile(path, []byte("half"), 0o600), errors.New("the disk broke"))
	})
	if !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "the disk broke") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(f.path); err != nil || len(entries) != 0 {
		t.Errorf("%v %v", entries, err)
	}
}

func TestWhatACrashHasLeftIsTakenAwayByTheNextOne(t *testing.T) {
	f := At(t.TempDir())
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"making-123", "20260301T110000Z-5.db", "mine.txt"} {
		path := filepath.Join(f.path, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	add(t, f, noon, 7, "first")
	left, err := filepath.Glob(filepath.Join(f.path, "*"))
	if err != nil || len(left) != 3 || !strings.Contains(fmt.Sprint(left), "mine.txt") {
		t.Errorf("%v %v", left, err)
	}
}

func TestTheNumberAndTheRoomAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Manifest
		at := noon
		for i := range rapid.IntRange(0, 200).Draw(t, "n") {
			at = at.Add(time.Duration(rapid.IntRange(0, 90_000).Draw(t, "seconds")) * time.Second)
			all = append(all, Manifest{
				Name: fmt.Sprint(i), Time: at, Bytes: rapid.Int64Range(1, 1<<30).Draw(t, "bytes"),
				Reason: rapid.SampledFrom(reasons).Draw(t, "reason"),
			})
		}
		spare := Spare(all, at)
		gone, total := map[string]bool{}, int64(0)
		for _, m := range spare {
			gone[m.Name] = true
		}
		kept := 0
		for i, m := range all {
			if gone[m.Name] {
				if i >= len(all)-keepAlways {
					t.Fatalf("one of the newest is to go")
				}
				continue
			}
			kept++
			total += m.Bytes
		}
		if kept > MaxKept || kept > keepAlways && total > keepBytes {
			t.Fatalf("%d with %d bytes are kept", kept, total)
		}
	})
}

func TestOneOfEachDayAndTheOneFromBeforeTheLastMigrationStay(t *testing.T) {
	f := At(t.TempDir())
	for day := range 10 {
		for hour := range 10 {
			add(t, f, noon.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour), int64(day*100+hour), "x")
		}
	}
	now := noon.AddDate(0, 0, 9).Add(9 * time.Hour)
	if gone, err := f.Prune(now); err != nil || len(gone) == 0 {
		t.Fatal(gone, err)
	}
	all, _, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	for _, m := range all {
		days[m.Time.Format(time.DateOnly)]++
	}
	if len(all) != keepNewest+keepDays-1 || len(days) != keepDays || days["2026-03-10"] != keepNewest {
		t.Errorf("%v", days)
	}
}

func TestASnapshotIsDueWhenSomethingHasChanged(t *testing.T) {
	last := &Manifest{Time: noon, Revision: 100}
	for _, c := range []struct {
		last     *Manifest
		revision int64
		after    time.Duration
		want     Reason
	}{
		{nil, 0, 0, Start},
		{last, 100, 100 * time.Hour, ""},
		{last, 101, time.Minute, ""},
		{last, 101, time.Hour, Schedule},
		{last, 101, -time.Minute, Schedule},
		{last, 2100, time.Minute, Changes},
		{last, 7, time.Minute, Start},
	} {
		if got := Hourly.Due(c.last, c.revision, noon.Add(c.after)); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	whole, err := Manifest{Form: Form, Name: "20260301T120000Z-7", Time: noon, Reason: Start, Schema: 1, Bytes: 1, SHA256: strings.Repeat("00", 32)}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"form":1}`))
	f.Add(bytes.Replace(whole, []byte("20260301T120000Z-7"), []byte("../x"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			if !errors.Is(err, fault.Unreadable) {
				t.Errorf("got %v", err)
			}
			return
		}
		if CheckName(m.Name) != nil {
			t.Errorf("it names %q", m.Name)
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(again); err != nil || !back.Time.Equal(m.Time) || back.Name != m.Name {
			t.Errorf("%+v became %+v, %v", m, back, err)
		}
	})
}
