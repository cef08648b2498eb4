package history

import (
	"bufio"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// The forms of an export.
const (
	jsonLines   = "jsonl"
	cloudEvents = "cloudevents"
)

func exportAudit(s *session.Session) *cobra.Command {
	var from, to, form string
	cmd := &cobra.Command{
		Use:   "export [FOLDER]",
		Short: "Write records out, one a line, for another program",
		Long: `Writes the records of an audit log out, oldest first, one a line, as they are read. It needs no daemon, and judges
nothing: hv audit verify does.

-o jsonl prints each record byte for byte as it was written and hashed. -o cloudevents prints each as a CloudEvents 1.0
event of type audit.intent, audit.outcome or audit.note.

--from and --to, both included, take a record's number or a time: 42, 2026-03-01, 2026-03-01T12:00:00Z.`,
		Example:           "  sudo hv audit export > audit.jsonl\n  sudo hv audit export --from 2026-03-01 -o cloudevents",
		Args:              atMost(1),
		ValidArgsFunction: folders(0),
		RunE: func(_ *cobra.Command, args []string) error {
			span, err := spanOf(from, to)
			if err != nil {
				return err
			}
			return export(s, args, form, span)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&form, "output", "o", jsonLines, "how to print: jsonl, cloudevents")
	f.StringVar(&from, "from", "", "the first: a number or a time")
	f.StringVar(&to, "to", "", "the last: a number or a time")
	session.Values(cmd, "output", jsonLines, cloudEvents)
	return cmd
}

func spanOf(from, to string) (span verify.Span, err error) {
	if span.From, span.Since, err = bound("from", from, false); err != nil {
		return span, err
	}
	span.To, span.Until, err = bound("to", to, true)
	return span, err
}

// bound reads a record's number or a time. A day as the last means its end.
func bound(flag, text string, last bool) (int64, time.Time, error) {
	if text == "" {
		return 0, time.Time{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return n, time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return 0, t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return 0, t, report.Usage("--"+flag+" 42, or --"+flag+" 2026-03-01T12:00:00Z", "--%s %q is neither a record's number nor a time", flag, text)
	}
	if last {
		t = t.AddDate(0, 0, 1).Add(-time.Nanosecond)
	}
	return 0, t, nil
}

func export(s *session.Session, args []string, form string, span verify.Span) error {
	if form != jsonLines && form != cloudEvents {
		return report.Usage("--output jsonl | cloudevents", "--output %q: there is no such value", form)
	}
	_, fsys, err := logFolder(args)
	if err != nil {
		return err
	}
	key, _, err := verify.Kept(fsys)
	if err != nil {
		return failed(err)
	}
	out := bufio.NewWriterSize(s.Out, 64<<10)
	err = verify.Each(fsys, span, func(line []byte, r *verify.Record) error {
		if form == cloudEvents {
			var err error
			if line, err = json.Marshal(event(key, line, r)); err != nil {
				return err
			}
		}
		_, err := out.Write(append(line, '\n'))
		return err
	})
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	return failed(err)
}

// event is a record as a CloudEvent. Its source is the log, named after its key, in which its ID is unique.
func event(key string, line []byte, r *verify.Record) wire.Event {
	name, rest, _ := strings.Cut(key, "+")
	hash, _, _ := strings.Cut(rest, "+")
	return wire.Event{
		SpecVersion: "1.0", ID: strconv.FormatInt(r.Seq, 10), Source: "urn:" + name + ":" + hash, Type: "audit." + string(r.Phase),
		Time: r.Time, Subject: r.Target, Revision: r.Seq, Data: line,
	}
}
