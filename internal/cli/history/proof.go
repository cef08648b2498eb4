package history

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func proveAudit(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "proof SEQ [FOLDER]",
		Short: "Print the proof that a record is in the log",
		Long: `Prints the proof that one record is in the log: the record, the hashes that lead from it to the signed head, and that
head, as text (https://c2sp.org/tlog-proof). Whoever has the public key checks it with hv audit verify --proof, and
sees that one record and no other.`,
		Example: "  sudo hv audit proof 42 > record-42.tlog-proof",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return session.Exactly("SEQ")(cmd, args)
			}
			return atMost(2)(cmd, args)
		},
		ValidArgsFunction: folders(1),
		RunE: func(_ *cobra.Command, args []string) error {
			seq, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || seq < 1 {
				return report.Usage("hv audit proof 42", "%q is no number of a record", args[0])
			}
			_, fsys, err := logFolder(args[1:])
			if err != nil {
				return err
			}
			proof, err := verify.Prove(fsys, "", seq)
			if err != nil {
				return failed(err)
			}
			_, err = s.Out.Write(proof)
			return err
		},
	}
}

func keyAudit(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "key [FOLDER]",
		Short: "Print the public key that the log is verified with",
		Long: `Prints the public key that the log's heads are signed for. Keep it where the host's root cannot change it: it is
what hv audit verify --key takes.`,
		Example:           "  sudo hv audit key > audit.pub",
		Args:              atMost(1),
		ValidArgsFunction: folders(0),
		RunE:              printKept(s, func(key string, _ []byte) string { return key + "\n" }),
	}
}

func headAudit(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "head [FOLDER]",
		Short: "Print the newest signed head, to be kept elsewhere",
		Long: `Prints the newest signed head: how many records there are, and the one hash that stands for them all. Kept on another
host it shows later that nothing of them was taken away or changed: hv audit verify --head.`,
		Example:           "  sudo hv audit head > $(date +%F).head",
		Args:              atMost(1),
		ValidArgsFunction: folders(0),
		RunE:              printKept(s, func(_ string, head []byte) string { return string(head) }),
	}
}

func printKept(s *session.Session, which func(key string, head []byte) string) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		_, fsys, err := logFolder(args)
		if err != nil {
			return err
		}
		key, head, err := verify.Kept(fsys)
		if err != nil {
			return failed(err)
		}
		text := which(key, head)
		if len(text) < 2 {
			return failed(fault.New(fault.Unreadable, "it is empty").Try("hv audit verify").WithCode("HV-AUDIT-001"))
		}
		_, err = s.Out.Write([]byte(text))
		return err
	}
}
