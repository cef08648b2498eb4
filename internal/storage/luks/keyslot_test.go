package luks

import (
	"os"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// cheap is more rounds than those of a key's secret, and hardly more.
const cheap = rounds + 1

func taken(t *testing.T, f *os.File) (out []int) {
	t.Helper()
	all, err := Slots(f)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		if s.Active {
			out = append(out, i)
		}
	}
	return out
}

func TestAPassphraseHasASlotOfItsOwnBehindThoseOfKeys(t *testing.T) {
	f := file(t)
	if err := AddAt(f, 7, two, three, cheap); fault.CodeOf(err) != "HV-KEY-023" {
		t.Errorf("who does not open it adds one: %v", err)
	}
	for range 2 {
		if err := AddAt(f, 7, one, two, cheap); err != nil {
			t.Fatal(err)
		}
		if n := taken(t, f); len(n) != 2 || n[1] != 7 {
			t.Errorf("%v", n)
		}
	}
	all, _ := Slots(f)
	if !all[0].Made || all[7].Made {
		t.Errorf("%+v", all)
	}
	opens(t, f, map[string]bool{one: true, two: true, three: false})
	if err := AddAt(f, 7, one, three, cheap); fault.CodeOf(err) != "HV-KEY-021" {
		t.Errorf("another one's slot is taken: %v", err)
	}
	// A rotation leaves it alone.
	if err := Add(f, one, three); err != nil {
		t.Fatal(err)
	}
	if err := Drop(f, one, three); err != nil {
		t.Fatal(err)
	}
	opens(t, f, map[string]bool{one: false, two: true, three: true})
	if n, ok, err := Opened(f, two); n != 7 || !ok || err != nil {
		t.Errorf("%d, %v, %v", n, ok, err)
	}
	if err := Wipe(f, 7, three, false); err != nil {
		t.Fatal(err)
	}
	opens(t, f, map[string]bool{two: false, three: true})
}

func TestTheLastSlotIsNotEmptied(t *testing.T) {
	f := file(t)
	for _, force := range []bool{false, true} {
		if err := Wipe(f, 0, one, force); fault.CodeOf(err) != "HV-KEY-022" {
			t.Errorf("%v", err)
		}
	}
	if err := AddAt(f, 7, one, two, cheap); err != nil {
		t.Fatal(err)
	}
	if err := Wipe(f, 0, one, false); fault.CodeOf(err) != "HV-KEY-022" {
		t.Errorf("what has to stay opens no other: %v", err)
	}
	if err := Wipe(f, 9, one, true); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
	if err := Wipe(f, 0, two, false); fault.CodeOf(err) != "HV-KEY-030" {
		t.Errorf("what a key opens, which a rotation may just have put there: %v", err)
	}
	opens(t, f, map[string]bool{one: true, two: true})
	if err := Wipe(f, 0, "", true); err != nil {
		t.Fatal(err)
	}
	opens(t, f, map[string]bool{one: false, two: true})
	if err := Wipe(f, 7, one, true); fault.CodeOf(err) != "HV-KEY-022" {
		t.Errorf("%v", err)
	}
}

func TestASlotThatWasCutOffIsFinishedLater(t *testing.T) {
	for left := range 3 {
		f := file(t)
		if err := AddAt(&cut{f, left}, 7, one, two, cheap); err == nil {
			t.Fatal("it was not cut off")
		}
		opens(t, f, map[string]bool{one: true, two: false})
		if err := AddAt(f, 7, one, two, cheap); err != nil {
			t.Fatal(err)
		}
		if err := Wipe(&cut{f, left}, 7, one, false); err == nil {
			t.Fatal("it was not cut off")
		}
		opens(t, f, map[string]bool{one: true})
		if err := Wipe(f, 7, one, false); err != nil {
			t.Fatal(err)
		}
		h, err := read(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok, _ := h.open(f, two, true); ok {
			t.Error("what stood in the slot is there yet")
		}
	}
}
