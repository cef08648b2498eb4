package verify

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/record"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Record is one record of the log.
type Record = record.Record

// CodeProof is of a proof that cannot be made, or does not hold. It is stable.
const CodeProof = "HV-AUDIT-003"

// A proof is text in the form of https://c2sp.org/tlog-proof: the record itself as its extra data, its place,
// the hashes beside its way to the root, the signed head.
const (
	proofForm = "c2sp.org/tlog-proof@v1\n"
	extraWord = "extra "
	indexWord = "index "
	maxHashes = 63 // a tree of 2^63 records has no more levels

	// MaxProof bounds a proof, in bytes: the longest record in base64, and room for the rest.
	MaxProof = (record.MaxLine+2)/3*4 + 8<<10
)

// Prove makes the proof that record seq is in the log in fsys. It refuses a log that does not fit its newest
// head: such a proof would not hold.
func Prove(fsys fs.FS, key string, seq int64) ([]byte, error) {
	v := &verification{fsys: fsys, wanted: seq}
	if !v.openKey(key) {
		return nil, cannot("%s", v.problems[0].Text)
	}
	v.readHeads(nil)
	v.readSegments()
	v.judgeOrder()
	newest := v.newest()
	switch {
	case seq < 1 || seq > newest.Size:
		return nil, fault.New(fault.NotFound, "there is no record %d: the log has 1 to %d", seq, newest.Size).WithCode(CodeProof)
	case int64(len(v.found)) < newest.Size || v.foundRoot(newest.Size) != newest.Root || v.line == nil:
		return nil, cannot("the log does not fit its newest head").Try("hv audit verify")
	}
	hashes := treeHashes(v.leaves(newest.Size))
	proof, err := tlog.ProveRecord(newest.Size, seq-1, hashes)
	if err != nil {
		return nil, cannot("%v", err)
	}
	var b bytes.Buffer
	b.WriteString(proofForm + extraWord + base64.StdEncoding.EncodeToString(v.line) + "\n")
	fmt.Fprintf(&b, "%s%d\n", indexWord, seq-1)
	for _, h := range proof {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(v.report.Newest)
	return b.Bytes(), nil
}

func cannot(format string, args ...any) *fault.Error {
	return fault.New(fault.Unreadable, "cannot prove it").Because(fmt.Errorf(format, args...)).WithCode(CodeProof)
}

// memory is the hashes of a tree, in the order of tlog.StoredHashIndex.
type memory []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at < 0 || at >= int64(len(m)) {
			return nil, fmt.Errorf("there is no hash %d", at)
		}
		out[i] = m[at]
	}
	return out, nil
}

// treeHashes computes every hash of the tree from the records': the file of hashes is not believed.
func treeHashes(leaves []tlog.Hash) memory {
	m := make(memory, 0, tlog.StoredHashCount(int64(len(leaves))))
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), leaf, m)
		if err != nil { // it reads what was put there before
			panic("verify: " + err.Error())
		}
		m = append(m, hashes...)
	}
	return m
}

// Proven is what a proof shows: this record stood in the log when its head was signed.
type Proven struct {
	Record Record
	Line   []byte // as it was written
	Size   int64  // records that the log had then
	Origin string // the name of the key
}

// CheckProof reads a proof and checks it with nothing but the public key.
func CheckProof(text []byte, key string) (Proven, error) {
	k, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return Proven{}, refuted("the public key cannot be read: %v", err)
	}
	line, index, hashes, signed, err := parseProof(text)
	if err != nil {
		return Proven{}, err
	}
	parsed, err := record.Decode(line)
	if err != nil || parsed.Record == nil {
		return Proven{}, refuted("what it is about is no record")
	}
	h, err := record.OpenHead(signed, k)
	if err != nil {
		return Proven{}, refuted("%v", err)
	}
	switch {
	case parsed.Record.Seq != index+1:
		return Proven{}, refuted("it has record %d at the place of record %d", parsed.Record.Seq, index+1)
	case index >= h.Size:
		return Proven{}, refuted("record %d is not among the %d that its head speaks of", index+1, h.Size)
	}
	if err := tlog.CheckRecord(hashes, h.Size, h.Root, index, tlog.RecordHash(line)); err != nil {
		return Proven{}, refuted("record %d is not the one that was signed", index+1)
	}
	return Proven{Record: *parsed.Record, Line: line, Size: h.Size, Origin: k.Name()}, nil
}

func refuted(format string, args ...any) error {
	return fault.New(fault.Unreadable, "the proof does not hold").Because(fmt.Errorf(format, args...)).WithCode(CodeProof)
}

// parseProof takes a proof apart; what it returns is within its bounds and in the one spelling that is written.
func parseProof(text []byte) (line []byte, index int64, hashes tlog.RecordProof, signed []byte, err error) {
	wrong := func(what string) ([]byte, int64, tlog.RecordProof, []byte, error) {
		return nil, 0, nil, nil, refuted("it is not in the form of a proof: %s", what)
	}
	if len(text) > MaxProof {
		return wrong("it is too long")
	}
	rest, ok := strings.CutPrefix(string(text), proofForm)
	if !ok {
		return wrong("its first line")
	}
	extra, rest, _ := strings.Cut(rest, "\n")
	if line, ok = unbase64(extra, extraWord); !ok {
		return wrong("its record")
	}
	place, rest, _ := strings.Cut(rest, "\n")
	digits, ok := strings.CutPrefix(place, indexWord)
	index, err = strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || index < 0 || strconv.FormatInt(index, 10) != digits {
		return wrong("its index")
	}
	for {
		var one string
		one, rest, ok = strings.Cut(rest, "\n")
		if one == "" && ok {
			return line, index, hashes, []byte(rest), nil
		}
		b, good := unbase64(one, "")
		if !ok || !good || len(b) != tlog.HashSize || len(hashes) == maxHashes {
			return wrong("its hashes")
		}
		hashes = append(hashes, tlog.Hash(b))
	}
}

// unbase64 reads base64 after a word; false for every other spelling of the same bytes.
func unbase64(text, word string) ([]byte, bool) {
	text, ok := strings.CutPrefix(text, word)
	if !ok {
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	return b, err == nil && base64.StdEncoding.EncodeToString(b) == text
}
