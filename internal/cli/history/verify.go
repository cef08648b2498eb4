package history

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// mostKey bounds a key and a head, in bytes.
const mostKey = 4 << 10

// verification is one call of `hv audit verify`.
type verification struct {
	*session.Session
	key, proof, save string
	heads            []string
}

func verifyAudit(s *session.Session) *cobra.Command {
	v := &verification{Session: s}
	cmd := &cobra.Command{
		Use:   "verify [FOLDER]",
		Short: "Find any record that was edited, dropped, moved or cut off",
		Long: `Reads a whole audit log, this host's or a copy in a folder, and finds every record that was edited, dropped,
reordered or cut off. It needs no daemon, and may be run while one writes. Exit 0: the log is whole; 1: it is not.

What is in the folder can show only that the log fits itself: who can write all of it can put an older copy back, and
who has the signing key can write another log. Keep the public key and, now and then, the newest head on another host,
and give them: --key FILE, --head FILE. Then a log that is shorter, or another one, is found.

--proof checks one proof (hv audit proof) instead, with nothing but the public key.`,
		Example: "  sudo hv audit verify\n  sudo hv audit verify --key audit.pub --head last-week.head --save-head today.head\n" +
			"  hv audit verify --proof record-42.tlog-proof --key audit.pub",
		Args:              atMost(1),
		ValidArgsFunction: folders(0),
		RunE: func(_ *cobra.Command, args []string) error {
			if v.proof != "" {
				return v.one(args)
			}
			return v.all(args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.key, "key", "", "file with the public key (hv audit key); else the one in the folder")
	f.StringArrayVar(&v.heads, "head", nil, "file with a head that was kept elsewhere (hv audit head); may be given again")
	f.StringVar(&v.save, "save-head", "", "write the newest head to this file, if the log is whole")
	f.StringVar(&v.proof, "proof", "", "check this proof of one record instead of a log")
	for _, flag := range []string{"key", "head", "save-head", "proof"} {
		session.FileFlag(cmd, flag)
	}
	return cmd
}

func (v *verification) publicKey() (string, error) {
	if v.key == "" {
		return "", nil
	}
	b, err := readOwn("public key", v.key, mostKey)
	return string(bytes.TrimSpace(b)), err
}

// judgement is what -o json prints of a log.
type judgement struct {
	Path     string    `json:"path"`
	Whole    bool      `json:"whole"`
	Records  int64     `json:"records"`
	Signed   int64     `json:"signed"` // covered by the newest head
	Segments int       `json:"segments"`
	Heads    int       `json:"heads"` // that were checked
	Unsigned int       `json:"unsigned,omitempty"`
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Key      string    `json:"key"`
	OwnKey   bool      `json:"ownKey"` // the key was the one in the folder
	Kept     int       `json:"kept"`   // heads that were kept elsewhere
	Problems []problem `json:"problems"`
	More     int       `json:"more,omitempty"` // problems that are not listed
}

type problem struct {
	Kind    verify.Kind `json:"kind"`
	From    int64       `json:"from,omitempty"`
	To      int64       `json:"to,omitempty"`
	Segment string      `json:"segment,omitempty"`
	Line    int         `json:"line,omitempty"`
	Text    string      `json:"text"`
}

// all verifies a log.
func (v *verification) all(args []string) error {
	key, err := v.publicKey()
	if err != nil {
		return err
	}
	var kept [][]byte
	for _, path := range v.heads {
		b, err := readOwn("head", path, mostKey)
		if err != nil {
			return err
		}
		kept = append(kept, b)
	}
	path, fsys, err := logFolder(args)
	if err != nil {
		return err
	}
	r, problems := verify.Verify(fsys, key, kept...)
	j := judgement{
		Path: path, Whole: len(problems) == 0, Records: r.Records, Signed: r.Signed, Segments: r.Segments, Heads: r.Heads, Unsigned: r.Unsigned,
		First: r.First, Last: r.Last, Key: r.Key, OwnKey: r.Own, Kept: len(kept), Problems: []problem{}, More: r.Problems - len(problems),
	}
	for _, p := range problems {
		j.Problems = append(j.Problems, problem{p.Kind, p.From, p.To, p.Segment, p.Line, p.Text})
	}
	if v.Output.ForPrograms() {
		err = v.Output.Value(v.Out, j)
	} else {
		err = v.told(j, problems)
	}
	switch {
	case err != nil:
		return err
	case !j.Whole:
		return report.Told(report.Refused)
	case v.save != "":
		return saveHead(v.save, r.Newest)
	}
	return nil
}

func saveHead(path string, head []byte) error {
	if err := os.WriteFile(path, head, 0o600); err != nil {
		return report.Usage("--save-head FILE", "cannot save the head: %v", err)
	}
	return nil
}

// told prints a judgement for people.
func (v *verification) told(j judgement, problems []verify.Problem) error {
	word := v.Out.Paint(screen.Green, "whole")
	if !j.Whole {
		word = v.Out.Paint(screen.Red, "not whole")
	}
	fmt.Fprintf(v.Out, "audit log %s: %s\n", screen.Safe(j.Path), word)
	var out output.Fields
	out.Add("records", fmt.Sprintf("%d, of which %d are signed for", j.Records, j.Signed))
	out.Add("from", output.Moment(v.Now(), j.First))
	out.Add("to", output.Moment(v.Now(), j.Last))
	out.Add("heads", fmt.Sprintf("%d checked, %d of them kept elsewhere", j.Heads, j.Kept))
	out.Add("key", j.Key)
	if err := out.Write(v.Out); err != nil {
		return err
	}
	for _, p := range problems {
		fmt.Fprintln(v.Out, screen.Safe(p.String()))
	}
	if j.More > 0 {
		fmt.Fprintf(v.Out, "and %d more\n", j.More)
	}
	if j.Unsigned > 0 {
		v.Notice("%d lines at the end are not signed for: a write is under way, or a crash cut one short", j.Unsigned)
	}
	if j.Kept == 0 || j.OwnKey {
		v.Notice("this shows that the log fits itself; an older copy of it all, or one signed with a stolen key, does too\n" +
			"try: hv audit key and hv audit head, keep both on another host, and give them as --key and --head")
	}
	return nil
}

// one checks a proof.
func (v *verification) one(args []string) error {
	if len(args) > 0 || len(v.heads) > 0 || v.save != "" {
		return report.Usage("hv audit verify --proof FILE --key FILE", "a proof is checked with the public key alone: no folder, no heads")
	}
	key, err := v.publicKey()
	if err != nil {
		return err
	}
	if key == "" {
		return report.Usage("hv audit verify --proof FILE --key FILE", "a proof is checked with a public key that you trust: name its file")
	}
	text, err := readOwn("proof", v.proof, verify.MaxProof)
	if err != nil {
		return err
	}
	got, err := verify.CheckProof(text, key)
	if err != nil {
		return failed(err)
	}
	if v.Output.ForPrograms() {
		return v.Output.Value(v.Out, got.Record)
	}
	fmt.Fprintf(v.Out, "record %d was in the log %s when it had %d records:\n%s\n", got.Record.Seq, got.Origin, got.Size, screen.Safe(string(got.Line)))
	return nil
}
