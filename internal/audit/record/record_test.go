package record_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		r := record.Record{
			Seq: rapid.Int64Range(2, 1<<40).Draw(t, "seq"), Time: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")),
			Actor:  record.Actor{UID: rapid.Int64Range(-1, 1<<32).Draw(t, "uid"), User: text.Draw(t, "user"), Via: text.Draw(t, "via")},
			Action: "vm." + text.Draw(t, "action"), Target: text.Draw(t, "target"), Phase: record.Outcome, Intent: 1,
			Operation: text.Draw(t, "operation"), Result: text.Draw(t, "result"), Error: text.Draw(t, "error"),
			Params: rapid.MapOfN(text, text, 0, 5).Draw(t, "params"),
		}.Clean()
		line, err := record.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(string(line), "\n\x00") || !record.IsRecord(line) {
			t.Fatalf("not a line: %q", line)
		}
		got, err := record.Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, *got.Record); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"seq":1,"time":"2026-01-02T12:00:00Z","actor":{"uid":0},"action":"vm.start","phase":"intent"}`,
		`{"seq":2,"time":"2026-01-02T12:00:00.5Z","actor":{"uid":-1,"user":"audit"},"action":"a","phase":"outcome","intent":1,"params":{"a":"b"}}`,
		`{"head":"hyper-nixos-audit\n1\nAAAA\n\n— x y\n"}`,
		`{"seq":1}`, `{}`, ``, "\x00", `{"seq":1,"seq":2}`, `{"head":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := record.Decode(line)
		if err != nil {
			if !errors.Is(err, fault.Unreadable) {
				t.Errorf("kind of %v", err)
			}
			return
		}
		again, err := record.EncodeHead(got.Head)
		if got.Record != nil {
			again, err = record.Encode(*got.Record)
		}
		if err != nil || !bytes.Equal(again, line) {
			t.Errorf("%q was read, %q is written (%v)", line, again, err)
		}
	})
}

func FuzzOpenHead(f *testing.F) {
	_, signer, verifier := keys(f)
	signed, err := record.SignHead(record.Head{Size: 9}, signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("x\n1\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := record.OpenHead(b, verifier); err == nil && h.Size < 0 {
			t.Errorf("%q gives %+v", b, h)
		}
	})
}

func keys(t testing.TB) (string, note.Signer, note.Verifier) {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return public, signer, verifier
}

func TestAHeadIsOnlyReadUnderItsOwnKey(t *testing.T) {
	_, signer, verifier := keys(t)
	_, _, other := keys(t)
	want := record.Head{Size: 12, Root: tlog.RecordHash([]byte("x"))}
	signed, err := record.SignHead(want, signer)
	if err != nil {
		t.Fatal(err)
	}
	padded, err := record.PadHead(signed)
	if err != nil || len(padded) != record.HeadSize {
		t.Fatal(err, len(padded))
	}
	if got, err := record.OpenHead(record.UnpadHead(padded), verifier); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := record.OpenHead(signed, other); !errors.Is(err, fault.Unreadable) {
		t.Errorf("another key: %v", err)
	}
	if _, err := record.PadHead(make([]byte, 600)); err == nil {
		t.Error("a head too long was taken")
	}
}

func TestSegmentNamesSortByTheirFirstRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Min(1).Draw(t, "a"), rapid.Int64Min(1).Draw(t, "b")
		if (a < b) != (record.Segment(a) < record.Segment(b)) {
			t.Errorf("%s and %s", record.Segment(a), record.Segment(b))
		}
		if got, ok := record.ParseSegment(record.Segment(a)); !ok || got != a {
			t.Errorf("%s is read as %d", record.Segment(a), got)
		}
	})
	for _, name := range []string{"", "1.jsonl", "0000000000000000000.jsonl", "head", "000000000000000000x.jsonl", record.Segment(1) + ".new"} {
		if _, ok := record.ParseSegment(name); ok {
			t.Errorf("%q is read as a segment", name)
		}
	}
}
