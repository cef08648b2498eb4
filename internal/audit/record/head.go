package record

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Head is what a signature stands for: the first Size records have the tree hash Root (RFC 9162).
type Head struct {
	Size int64
	Root tlog.Hash
}

// SignHead returns a head as a signed note in the form of a checkpoint
// (https://c2sp.org/tlog-checkpoint): the name of the key is its origin.
func SignHead(h Head, signer note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), h.Size, h.Root)}, signer)
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot sign the head of the audit log").Because(err)
	}
	return signed, nil
}

// OpenHead reads a signed head and checks its signature; fault.Unreadable if it is not one of this
// key's.
func OpenHead(signed []byte, key note.Verifier) (Head, error) {
	n, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return Head{}, fault.New(fault.Unreadable, "the signed head is not one of the key %s", key.Name()).Because(err)
	}
	origin, rest, _ := strings.Cut(n.Text, "\n")
	size, root, _ := strings.Cut(rest, "\n")
	var h Head
	h.Size, err = strconv.ParseInt(size, 10, 64)
	hash, err2 := base64.StdEncoding.DecodeString(strings.TrimSuffix(root, "\n"))
	if err != nil || err2 != nil || origin != key.Name() || h.Size < 0 || len(hash) != tlog.HashSize {
		return Head{}, fault.New(fault.Unreadable, "the signed head is not in the form of a checkpoint")
	}
	copy(h.Root[:], hash)
	if !canonical(signed, n) {
		return Head{}, fault.New(fault.Unreadable, "the signed head is not written as the log writes")
	}
	return h, nil
}

// canonical reports whether a note has our signature and no other, in the one spelling that we
// write: base64 has several for the last bits, and package note takes each.
func canonical(signed []byte, n *note.Note) bool {
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) > 0 {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	return err == nil && string(signed) == fmt.Sprintf("%s\n— %s %s\n", n.Text, n.Sigs[0].Name, base64.StdEncoding.EncodeToString(raw))
}

// The files of a log.
const (
	HeadFile   = "head"    // the newest signed head, padded to HeadSize with zeros
	KeyFile    = "key"     // the signing key, 0600
	PublicFile = "key.pub" // the key to verify with; keep a copy of it somewhere else
	HashFile   = "hashes"  // the hashes of the tree, in the order of tlog.StoredHashIndex
	LockFile   = "lock"

	// HeadSize is constant so that the file is overwritten in place and needs no room on a full
	// disk; 512 bytes are one sector, which a power cut does not tear.
	HeadSize = 512

	segmentSuffix = ".jsonl"
	segmentDigits = 19
)

// Segment returns the name of the segment that begins with record seq.
func Segment(seq int64) string { return fmt.Sprintf("%0*d%s", segmentDigits, seq, segmentSuffix) }

// ParseSegment returns the first record of the segment of that name; false if it is no segment.
func ParseSegment(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	seq, err := strconv.ParseInt(digits, 10, 64)
	return seq, ok && err == nil && seq > 0 && Segment(seq) == name
}

// PadHead returns the content of HeadFile.
func PadHead(signed []byte) ([]byte, error) {
	if len(signed) > HeadSize {
		return nil, fault.New(fault.Invalid, "a signed head of %d bytes is too long: at most %d", len(signed), HeadSize)
	}
	return append(bytes.Clone(signed), make([]byte, HeadSize-len(signed))...), nil
}

// UnpadHead returns the signed head in the content of HeadFile.
func UnpadHead(content []byte) []byte { return bytes.TrimRight(content, "\x00") }
