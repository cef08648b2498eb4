package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func publicKey(m fstest.MapFS) string { return string(m[record.PublicFile].Data) }

func prove(t *testing.T, m fstest.MapFS, seq int64) []byte {
	t.Helper()
	p, err := verify.Prove(m, "", seq)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryRecordHasAProofThatHoldsWithThePublicKeyAlone(t *testing.T) {
	for _, n := range []int{1, 2, 13} {
		m, _ := log(t, n)
		for seq := int64(1); seq <= int64(n); seq++ {
			got, err := verify.CheckProof(prove(t, m, seq), publicKey(m))
			if err != nil || got.Record.Seq != seq || got.Record.Target != fmt.Sprintf("vm web-%d", seq) || got.Size != int64(n) || string(got.Line) != line(m, seq) {
				t.Errorf("%d of %d: %+v %v", seq, n, got, err)
			}
		}
	}
}

// Whatever byte of a proof is changed, it does not hold any more.
func TestNoByteOfAProofCanBeChanged(t *testing.T) {
	m, _ := log(t, 13)
	proof, key := prove(t, m, 6), publicKey(m)
	for i := range proof {
		for _, bit := range []byte{1, 4, 32} {
			bad := bytes.Clone(proof)
			bad[i] ^= bit
			if got, err := verify.CheckProof(bad, key); err == nil {
				t.Fatalf("byte %d (%q), bit %d: it holds for %+v", i, proof[i], bit, got)
			}
		}
	}
	for name, bad := range map[string][]byte{
		"another key's": prove(t, func() fstest.MapFS { o, _ := log(t, 13); return o }(), 6),
		"cut":           proof[:len(proof)-20],
		"with more":     append(bytes.Clone(proof), "more\n"...),
		"empty":         nil,
		"too long":      bytes.Repeat([]byte("x"), verify.MaxProof+1),
	} {
		if _, err := verify.CheckProof(bad, key); !errors.Is(err, fault.Unreadable) || fault.CodeOf(err) != verify.CodeProof {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := verify.CheckProof(proof, "no key"); err == nil {
		t.Error("it holds without a key")
	}
}

func TestALogThatDoesNotFitItsHeadProvesNothing(t *testing.T) {
	m, _ := log(t, 13)
	replace(m, 4, strings.Replace(line(m, 4), "ada", "eve", 1))
	for _, seq := range []int64{4, 5} {
		if _, err := verify.Prove(m, "", seq); !errors.Is(err, fault.Unreadable) || fault.HintOf(err) != "hv audit verify" {
			t.Errorf("%d: %v", seq, err)
		}
	}
	for _, seq := range []int64{-1, 0, 14} {
		if _, err := verify.Prove(m, "", seq); !errors.Is(err, fault.NotFound) {
			t.Errorf("%d: %v", seq, err)
		}
	}
}

// A power cut may lose the file of hashes: proofs are made of the records.
func TestAProofNeedsNoStoredHashes(t *testing.T) {
	m, _ := log(t, 13)
	want := prove(t, m, 6)
	delete(m, record.HashFile)
	if got := prove(t, m, 6); !bytes.Equal(got, want) {
		t.Errorf("%s", got)
	}
}

func exported(t *testing.T, m fstest.MapFS, span verify.Span) (seqs []int64, err error) {
	t.Helper()
	err = verify.Each(m, span, func(text []byte, r *verify.Record) error {
		if string(text) != line(m, r.Seq) {
			t.Errorf("record %d came as %s", r.Seq, text)
		}
		seqs = append(seqs, r.Seq)
		return nil
	})
	return seqs, err
}

func TestRecordsComeInOrderAndWithinTheirSpan(t *testing.T) {
	m, _ := log(t, 30)
	at := func(n int64) time.Time { return time.Unix(n, 0) } // record n is of second n-1
	for _, c := range []struct {
		span     verify.Span
		from, to int64
	}{
		{verify.Span{}, 1, 30},
		{verify.Span{From: 7}, 7, 30},
		{verify.Span{To: 7}, 1, 7},
		{verify.Span{From: 19, To: 22}, 19, 22},
		{verify.Span{Since: at(4), Until: at(8)}, 5, 9},
		{verify.Span{From: 8, Until: at(8)}, 8, 9},
		{verify.Span{From: 31}, 1, 0},
	} {
		got, err := exported(t, m, c.span)
		if err != nil || int64(len(got)) != c.to-c.from+1 || len(got) > 0 && (got[0] != c.from || got[len(got)-1] != c.to) {
			t.Errorf("%+v: %v %v", c.span, got, err)
		}
	}
	last := segments(m)[len(segments(m))-1]
	m[last].Data = append(m[last].Data, strings.Replace(line(m, 30), `"seq":30`, `"seq":31`, 1)+"\n"...)
	if got, err := exported(t, m, verify.Span{From: 30}); err != nil || len(got) != 1 {
		t.Errorf("what no head covers was handed over: %v %v", got, err)
	}
	stop := errors.New("no more")
	if err := verify.Each(m, verify.Span{}, func([]byte, *verify.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	replace(m, 3, "nonsense")
	if _, err := exported(t, m, verify.Span{}); !errors.Is(err, fault.Unreadable) || !strings.Contains(err.Error(), segments(m)[0]) {
		t.Errorf("got %v", err)
	}
}

// Who may write into the folder cannot make a verification wait, or read without end.
func TestWhatIsNoPlainFileOrHasNoEndIsToldAndNotRead(t *testing.T) {
	for name, spoil := range map[string]func(fstest.MapFS){
		"a link": func(m fstest.MapFS) {
			m[segments(m)[0]] = &fstest.MapFile{Mode: 0o777 | 1<<27, Data: []byte("/dev/zero")} // fs.ModeSymlink
		},
		"a line without end": func(m fstest.MapFS) { m[segments(m)[1]].Data = bytes.Repeat([]byte("x"), record.MaxLine+2) },
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := log(t, 30)
			spoil(m)
			_, problems := verify.Verify(m, "")
			var kinds []verify.Kind
			for _, p := range problems {
				kinds = append(kinds, p.Kind)
			}
			if !strings.Contains(fmt.Sprint(kinds), string(verify.Foreign)) || !strings.Contains(fmt.Sprint(kinds), string(verify.Dropped)) {
				t.Errorf("%v", problems)
			}
		})
	}
	m, _ := log(t, 3)
	m[segments(m)[0]].Data = bytes.Repeat([]byte("x\n"), 3*verify.MaxProblems)
	report, problems := verify.Verify(m, "")
	if len(problems) != verify.MaxProblems || report.Problems < 3*verify.MaxProblems {
		t.Errorf("%d problems are told of %d", len(problems), report.Problems)
	}
}

func TestTheNewestHeadIsThereToBeKeptElsewhere(t *testing.T) {
	m, _ := log(t, 30)
	key, kept, err := verify.Kept(m)
	if err != nil || key != strings.TrimSpace(publicKey(m)) {
		t.Fatal(key, err)
	}
	report, problems := verify.Verify(m, key, kept)
	if len(problems) > 0 || report.Own || !bytes.Equal(report.Newest, kept) {
		t.Errorf("%+v %v", report, problems)
	}
	if report, _ := verify.Verify(m, ""); !report.Own {
		t.Error("the key in the folder is taken for one that was kept elsewhere")
	}
}

func FuzzProof(f *testing.F) {
	dir := f.TempDir()
	l, err := audit.Open(dir, audit.Options{})
	if err != nil {
		f.Fatal(err)
	}
	key := l.Key()
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\n\naudit\n1\n\n"))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra \nindex -1\nAAAA\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := verify.CheckProof(text, key); err == nil {
			t.Error("it holds, and nothing was ever signed for it")
		}
	})
}

// FuzzVerify reads a segment and a head that anybody may have written.
func FuzzVerify(f *testing.F) {
	dir := f.TempDir()
	l, err := audit.Open(dir, audit.Options{})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := l.Append(f.Context(), audit.Record{Time: time.Unix(1, 0), Action: "x", Phase: audit.Note}); err != nil {
		f.Fatal(err)
	}
	key, signed := l.Key(), l.Head()
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := record.EncodeHead(signed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"seq":1,"time":"1970-01-01T00:00:01Z","actor":{"uid":0},"action":"x","phase":"note"}`+"\n"+string(whole)+"\n"), signed)
	f.Add([]byte("{}\n\x00\x00"), []byte("x"))
	f.Fuzz(func(t *testing.T, segment, head []byte) {
		m := fstest.MapFS{record.Segment(1): {Data: segment}, record.HeadFile: {Data: head}, record.PublicFile: {Data: []byte(key)}}
		report, problems := verify.Verify(m, "", signed)
		if len(problems) > verify.MaxProblems || report.Problems < len(problems) {
			t.Errorf("%+v, %d problems", report, len(problems))
		}
		_ = verify.Each(m, verify.Span{}, func(_ []byte, r *verify.Record) error {
			if r.Seq < 1 {
				t.Errorf("record %d", r.Seq)
			}
			return nil
		})
		if proof, err := verify.Prove(m, "", 1); err == nil {
			if _, err := verify.CheckProof(proof, key); err != nil {
				t.Errorf("a proof that was made does not hold: %v", err)
			}
		}
	})
}
