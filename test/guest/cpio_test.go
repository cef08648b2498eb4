package guest

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unpackNewc reads an archive as the kernel does, and returns "mode name content" for each entry.
func unpackNewc(t *testing.T, text []byte) []string {
	t.Helper()
	var entries []string
	at := 0
	number := func(field int) int {
		n, err := strconv.ParseUint(string(text[at+6+8*field:at+14+8*field]), 16, 32)
		if err != nil {
			t.Fatalf("header at %d, field %d: %v", at, field, err)
		}
		return int(n)
	}
	round := func(n int) int { return (n + 3) &^ 3 }
	for {
		if string(text[at:at+6]) != "070701" {
			t.Fatalf("no header at %d", at)
		}
		mode, owner, changed, size, nameSize := number(1), number(2)|number(3), number(5), number(6), number(11)
		name := string(text[at+110 : at+110+nameSize-1])
		body := round(at + 110 + nameSize)
		if name == "TRAILER!!!" {
			return entries
		}
		if owner != 0 || changed != 0 {
			t.Errorf("%s: owner %d, time %d: the archive would differ from build to build", name, owner, changed)
		}
		entries = append(entries, fmt.Sprintf("%o %s %s", mode, name, text[body:body+size]))
		at = round(body + size)
	}
}

func TestAnArchiveHoldsWhatWasPutIn(t *testing.T) {
	pack := func() []byte {
		var a archive
		a.dir("bin")
		a.file("bin/busybox", 0o755, []byte("program"))
		a.link("bin/sh", "busybox")
		a.file("empty", 0o644, nil)
		return a.bytes()
	}
	want := []string{"40755 bin ", "100755 bin/busybox program", "120777 bin/sh busybox", "100644 empty "}
	if d := cmp.Diff(want, unpackNewc(t, pack())); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(pack(), pack()); d != "" {
		t.Errorf("two builds differ: %s", d)
	}
}
