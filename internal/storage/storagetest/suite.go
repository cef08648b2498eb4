// Package storagetest holds what every kind of pool must do: the conformance suite of package backend.
//
// What lives here: behaviour that a user gets whatever keeps his volumes. What does not: what only one backend
// has; that stands beside it.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Place is where pools of one kind are tested.
type Place struct {
	// Open opens the pool that is there: for a second time it is what the next daemon does. It is closed with the test.
	Open func(t *testing.T) backend.Backend
	// Tiny is a pool with less room than 64 MiB; nil where none can be had.
	Tiny func(t *testing.T) backend.Backend
	// Left is everything that is in the pool; nil where only names can be.
	Left func(t *testing.T) []string
}

// The IDs that the suite uses.
const (
	one = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"
	two = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a11"
)

var errWanted = errors.New("wanted")

// Run holds a backend against the suite. fresh is asked once for each test, for a place where nothing is yet.
func Run(t *testing.T, fresh func(t *testing.T) Place) {
	for name, test := range map[string]func(*testing.T, Place){
		"what is made is empty, whole and its owner's only": made,
		"made again is left as it is":                       again,
		"what fails leaves nothing":                         failing,
		"what a crash cut off is swept":                     crashed,
		"what arrives is found until it is settled":         arriving,
		"every open is its own":                             opening,
		"it grows and never shrinks":                        growing,
		"a clone is a copy, or refused":                     cloning,
		"it knows what takes room":                          measuring,
		"lists tell what is there":                          listing,
		"notes are replaced whole":                          noting,
		"no name reaches out":                               escaping,
		"a full pool says so and keeps nothing":             full,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func name(id string) string { return id + "." + string(storage.Raw) }

// text is a Fill that writes s at the beginning.
func text(s string) backend.Fill {
	return func(_ context.Context, f *os.File) error { _, err := f.WriteAt([]byte(s), 0); return err }
}

func read(t *testing.T, b backend.Backend, file string, n int) string {
	t.Helper()
	f, err := b.Open(t.Context(), file, true)
	must(t, err)
	defer func() { _ = f.Close() }()
	buf := make([]byte, n)
	_, err = f.ReadAt(buf, 0)
	must(t, err)
	return string(buf)
}

func sizeOf(t *testing.T, b backend.Backend, file string) model.Bytes {
	t.Helper()
	f, err := b.Open(t.Context(), file, true)
	must(t, err)
	defer func() { _ = f.Close() }()
	n, err := f.Seek(0, io.SeekEnd) // of a device too
	must(t, err)
	return model.Bytes(n)
}

func nothing(t *testing.T, b backend.Backend, at Place) {
	t.Helper()
	if files, err := b.List(t.Context()); err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
	if at.Left != nil {
		if left := at.Left(t); len(left) != 0 {
			t.Errorf("left beside the files: %v", left)
		}
	}
}

func made(t *testing.T, at Place) {
	b := at.Open(t)
	size := 16 * model.MiB
	must(t, b.Make(t.Context(), name(one), size, nil))
	if got := sizeOf(t, b, name(one)); got != size {
		t.Errorf("it is of %s", got)
	}
	if got := read(t, b, name(one), 4096); got != string(make([]byte, 4096)) {
		t.Error("it does not read as zeros")
	}
	f, err := b.Open(t.Context(), name(one), false)
	must(t, err)
	info, err := f.Stat()
	_ = f.Close()
	must(t, err)
	if !b.Can().Block && info.Mode() != 0o600 {
		t.Errorf("others may: %s", info.Mode())
	}
	if b.Can().Block != (info.Mode()&os.ModeDevice != 0) {
		t.Errorf("it is said to be a device: %v, and is %s", b.Can().Block, info.Mode())
	}
	if there, err := b.Exists(t.Context(), name(one)); !there || err != nil {
		t.Errorf("there %v, %v", there, err)
	}
	for range 2 { // every step may run twice
		must(t, b.Remove(t.Context(), name(one)))
	}
	if there, err := b.Exists(t.Context(), name(one)); there || err != nil {
		t.Errorf("there %v, %v", there, err)
	}
	if _, err := b.Open(t.Context(), name(one), true); !errors.Is(err, fault.NotFound) {
		t.Errorf("opened what is gone: %v", err)
	}
	nothing(t, b, at)
}

func again(t *testing.T, at Place) {
	b := at.Open(t)
	must(t, b.Make(t.Context(), name(one), 4*model.MiB, text("first")))
	must(t, b.Make(t.Context(), name(one), 8*model.MiB, text("second")))
	must(t, b.Arrive(t.Context(), name(one), 8*model.MiB, text("third")))
	if got := read(t, b, name(one), 5); got != "first" || sizeOf(t, b, name(one)) != 4*model.MiB {
		t.Errorf("it holds %q in %s", got, sizeOf(t, b, name(one)))
	}
}

func failing(t *testing.T, at Place) {
	b := at.Open(t)
	fail := func(_ context.Context, f *os.File) error {
		_, _ = f.WriteAt([]byte("half"), 0)
		return errWanted
	}
	for _, do := range []func(context.Context, string, model.Bytes, backend.Fill) error{b.Make, b.Arrive} {
		if err := do(t.Context(), name(one), 4*model.MiB, fail); !errors.Is(err, errWanted) {
			t.Errorf("it said %v", err)
		}
		if left, err := b.Unsettled(t.Context()); err != nil || len(left) != 0 {
			t.Errorf("unsettled %v, %v", left, err)
		}
	}
	nothing(t, b, at)
}

// crashed has the next daemon open the pool while something is being made: as after a crash at that point.
func crashed(t *testing.T, at Place) {
	b := at.Open(t)
	must(t, b.Make(t.Context(), name(two), 4*model.MiB, text("old")))
	var seen []string
	err := b.Make(t.Context(), name(one), 4*model.MiB, func(ctx context.Context, f *os.File) (err error) {
		if _, err := f.WriteAt([]byte("half"), 0); err != nil {
			return err
		}
		if there, err := b.Exists(ctx, name(one)); there || err != nil {
			t.Errorf("half of it is there: %v, %v", there, err)
		}
		_ = f.Close() // the daemon that made it is gone
		next := at.Open(t)
		seen, err = next.List(ctx)
		return errors.Join(err, errWanted)
	})
	if !errors.Is(err, errWanted) {
		t.Errorf("it said %v", err)
	}
	if !slices.Equal(seen, []string{name(two)}) || read(t, b, name(two), 3) != "old" {
		t.Errorf("the next daemon saw %v", seen)
	}
	must(t, b.Remove(t.Context(), name(two)))
	nothing(t, b, at)
}

func arriving(t *testing.T, at Place) {
	b := at.Open(t)
	for what, end := range map[string]func(context.Context, string) error{"settled": b.Settle, "removed": b.Remove} {
		must(t, b.Arrive(t.Context(), name(one), 4*model.MiB, text("new")))
		next := at.Open(t)
		if left, err := next.Unsettled(t.Context()); err != nil || !slices.Equal(left, []string{name(one)}) {
			t.Errorf("before it is %s: %v, %v", what, left, err)
		}
		if got := read(t, next, name(one), 3); got != "new" {
			t.Errorf("it holds %q", got)
		}
		for range 2 {
			must(t, end(t.Context(), name(one)))
		}
		if left, err := next.Unsettled(t.Context()); err != nil || len(left) != 0 {
			t.Errorf("%s, and %v is unsettled, %v", what, left, err)
		}
		must(t, b.Remove(t.Context(), name(one)))
	}
	nothing(t, b, at)
}

// opening holds that two opens share no open file description: their places are their own.
func opening(t *testing.T, at Place) {
	b := at.Open(t)
	must(t, b.Make(t.Context(), name(one), 4*model.MiB, text("abc")))
	first, err := b.Open(t.Context(), name(one), false)
	must(t, err)
	defer func() { _ = first.Close() }()
	second, err := b.Open(t.Context(), name(one), false)
	must(t, err)
	defer func() { _ = second.Close() }()
	if _, err := first.Seek(2, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if n, err := second.Seek(0, io.SeekCurrent); n != 0 || err != nil {
		t.Errorf("the second stands at %d, %v", n, err)
	}
	ro, err := b.Open(t.Context(), name(one), true)
	must(t, err)
	defer func() { _ = ro.Close() }()
	if _, err := ro.WriteAt([]byte("x"), 0); err == nil {
		t.Error("what was opened to read was written to")
	}
	if _, err := second.WriteAt([]byte("x"), 0); err != nil {
		t.Error(err)
	}
}

func growing(t *testing.T, at Place) {
	b := at.Open(t)
	must(t, b.Make(t.Context(), name(one), 4*model.MiB, text("abc")))
	f, err := b.Open(t.Context(), name(one), false) // a VM has it open
	must(t, err)
	defer func() { _ = f.Close() }()
	for range 2 {
		must(t, b.Grow(t.Context(), name(one), 12*model.MiB))
	}
	must(t, b.Grow(t.Context(), name(one), 8*model.MiB))
	if got := sizeOf(t, b, name(one)); got != 12*model.MiB || read(t, b, name(one), 3) != "abc" {
		t.Errorf("it is of %s", got)
	}
	if n, err := f.Seek(0, io.SeekEnd); n != 12<<20 || err != nil {
		t.Errorf("who has it open sees %d bytes, %v", n, err)
	}
	if err := b.Grow(t.Context(), name(two), model.MiB); !errors.Is(err, fault.NotFound) {
		t.Errorf("grew what is not there: %v", err)
	}
}

func cloning(t *testing.T, at Place) {
	b := at.Open(t)
	must(t, b.Make(t.Context(), name(one), 8*model.MiB, func(_ context.Context, f *os.File) error {
		_, err := f.WriteAt(bytes.Repeat([]byte("abcd"), 1<<20), 0)
		return err
	}))
	err := b.Clone(t.Context(), name(one), name(two))
	if !b.Can().Reflink {
		if !errors.Is(err, fault.Precondition) || fault.CodeOf(err) != "HV-POOL-006" {
			t.Errorf("it cannot, and says %v", err)
		}
		must(t, b.Remove(t.Context(), name(one)))
		nothing(t, b, at)
		return
	}
	must(t, err)
	must(t, b.Clone(t.Context(), name(one), name(two)))
	for _, file := range []string{name(one), name(two)} {
		u, err := b.Usage(t.Context(), file)
		if err != nil || b.Can().Exclusive && (u.Exclusive == nil || *u.Exclusive > u.Allocated/2) {
			t.Errorf("%s shares nothing: %+v, %v", file, u, err)
		}
	}
	f, err := b.Open(t.Context(), name(two), false)
	must(t, err)
	_, err = f.WriteAt([]byte("XY"), 0)
	must(t, errors.Join(err, f.Sync(), f.Close()))
	if read(t, b, name(one), 4) != "abcd" || read(t, b, name(two), 4) != "XYcd" {
		t.Error("the copy and the original are one")
	}
	must(t, b.Remove(t.Context(), name(one)))
	if read(t, b, name(two), 4) != "XYcd" || sizeOf(t, b, name(two)) != 8*model.MiB {
		t.Error("the copy went with the original")
	}
	if err := b.Clone(t.Context(), name(one), "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a12.raw"); !errors.Is(err, fault.NotFound) {
		t.Errorf("cloned what is not there: %v", err)
	}
}

func measuring(t *testing.T, at Place) {
	b := at.Open(t)
	before, err := b.Room(t.Context())
	must(t, err)
	if before.Size <= 0 || before.Free <= 0 || before.Free > before.Size {
		t.Errorf("room %+v", before)
	}
	must(t, b.Make(t.Context(), name(one), 32*model.MiB, nil))
	u, err := b.Usage(t.Context(), name(one))
	must(t, err)
	if u.Virtual != 32*model.MiB || b.Can().Thin && u.Allocated > model.MiB {
		t.Errorf("empty: %+v", u)
	}
	f, err := b.Open(t.Context(), name(one), false)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte("abcd"), 1<<20), 0)
	must(t, errors.Join(err, f.Sync(), f.Close()))
	if u, err := b.Usage(t.Context(), name(one)); err != nil || u.Allocated < 4*model.MiB || u.Allocated > 6*model.MiB {
		t.Errorf("with 4 MiB in it: %+v, %v", u, err)
	}
	if _, err := b.Usage(t.Context(), name(two)); !errors.Is(err, fault.NotFound) {
		t.Errorf("measured what is not there: %v", err)
	}
}

func listing(t *testing.T, at Place) {
	b := at.Open(t)
	must(t, b.Make(t.Context(), name(two), 4*model.MiB, nil))
	must(t, b.Make(t.Context(), name(one), 4*model.MiB, nil))
	must(t, b.PutNote(t.Context(), one, []byte("{}")))
	if files, err := b.List(t.Context()); err != nil || !slices.Equal(files, []string{name(one), name(two)}) {
		t.Errorf("%v, %v", files, err)
	}
	if len(b.Can().Formats) == 0 || !b.Can().Holds(storage.Raw) || b.Can().Step <= 0 {
		t.Errorf("it can keep nothing: %+v", b.Can())
	}
}

func noting(t *testing.T, at Place) {
	b := at.Open(t)
	long := bytes.Repeat([]byte("n"), 100_000)
	must(t, b.PutNote(t.Context(), one, []byte(`{"a":1}`)))
	must(t, b.PutNote(t.Context(), two, long))
	must(t, b.PutNote(t.Context(), one, []byte(`{"a":2}`)))
	next := at.Open(t)
	notes, err := next.Notes(t.Context(), nil)
	must(t, err)
	if len(notes) != 2 || string(notes[one]) != `{"a":2}` || !bytes.Equal(notes[two], long) {
		t.Errorf("%d notes, %s", len(notes), notes[one])
	}
	if got, err := next.Note(t.Context(), one); err != nil || string(got) != `{"a":2}` {
		t.Errorf("%s, %v", got, err)
	}
	for range 2 {
		must(t, next.DropNote(t.Context(), one))
	}
	if got, err := next.Note(t.Context(), one); err != nil || got != nil {
		t.Errorf("%s, %v", got, err)
	}
	if notes, err := next.Notes(t.Context(), nil); err != nil || len(notes) != 1 {
		t.Errorf("%d notes, %v", len(notes), err)
	}
	if err := b.PutNote(t.Context(), one, make([]byte, backend.MaxNote+1)); err == nil {
		t.Error("a note without bound was kept")
	}
}

func escaping(t *testing.T, at Place) {
	b := at.Open(t)
	for _, bad := range []string{"../x.raw", "/etc/shadow", "a.raw", one + ".raw/../x", one + ".RAW", one + ".json", one, "", one + ".raw\x00", "." + one + ".raw", one + ".raw\n", "--" + one + ".raw"} {
		_, openErr := b.Open(t.Context(), bad, true)
		_, existsErr := b.Exists(t.Context(), bad)
		_, usageErr := b.Usage(t.Context(), bad)
		for verb, err := range map[string]error{
			"open": openErr, "exists": existsErr, "usage": usageErr, "make": b.Make(t.Context(), bad, 4*model.MiB, nil),
			"arrive": b.Arrive(t.Context(), bad, 4*model.MiB, nil), "clone": b.Clone(t.Context(), bad, name(one)), "remove": b.Remove(t.Context(), bad),
			"grow": b.Grow(t.Context(), bad, 4*model.MiB), "settle": b.Settle(t.Context(), bad),
		} {
			if err == nil {
				t.Errorf("%s took %q", verb, bad)
			}
		}
	}
	for _, bad := range []string{"", "..", "../x", one + ".raw", one + "/"} {
		if b.PutNote(t.Context(), bad, []byte("{}")) == nil || b.DropNote(t.Context(), bad) == nil {
			t.Errorf("a note took %q", bad)
		}
	}
	nothing(t, b, at)
}

func full(t *testing.T, at Place) {
	if at.Tiny == nil {
		t.Skip("no pool with little room can be had here")
	}
	b := at.Tiny(t)
	fill := func(_ context.Context, f *os.File) error {
		block := bytes.Repeat([]byte("full"), 1<<18)
		for i := range int64(80) {
			if _, err := f.WriteAt(block, i<<20); err != nil {
				return err
			}
		}
		return f.Sync()
	}
	err := b.Make(t.Context(), name(one), 80*model.MiB, fill)
	if !errors.Is(err, fault.Exhausted) || fault.CodeOf(err) != "HV-POOL-003" || fault.HintOf(err) == "" {
		t.Errorf("it says %v", err)
	}
	if files, err := b.List(t.Context()); err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
	must(t, b.Make(t.Context(), name(two), 4*model.MiB, text("there is room again")))
}
