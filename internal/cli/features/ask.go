package features

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/declaration"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// question is what a command is asked about: a declaration, held against a host.
type question struct {
	file, on string
	at       int64  // the generation that is meant, where no file is named; 0: the one that stands
	instead  string // what to do without a daemon, where it is not to name --file
}

func (q *question) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&q.file, "file", "f", "", "ask of the declaration in a file; no daemon is needed")
	session.FileFlag(cmd, "file")
	declaration.HostFlag(cmd, &q.on, "hold it against a host: self, or a file of facts")
}

// standing is what the declaration is called that the daemon has.
const standing = "the standing declaration"

// subject is a declaration with the facts that it is held against, and what it comes to.
type subject struct {
	name   string // the file as it was named, or standing
	host   string // self, the file of facts, the daemon's host; empty: held against none
	decl   config.Declaration
	facts  host.Facts
	report config.Report
	daemon *client.Client // nil: it was not asked
}

func (s subject) resolution() feature.Resolution { return s.report.Resolution }

// featureFacts is what the features know of the host.
func (s subject) featureFacts() feature.Facts { return config.FeatureFacts(s.facts) }

// ask finds what q is about: the file, or else what stands on the daemon's host.
func (q question) ask(ctx context.Context, s *session.Session) (subject, error) {
	about := subject{name: q.file, host: q.on}
	var err error
	if q.file != "" {
		about.decl, err = declaration.Read(ctx, q.file)
	} else {
		err = about.standing(ctx, s, q)
	}
	if err != nil {
		return about, err
	}
	if q.on != "" || q.file != "" {
		if about.facts, err = declaration.Facts(ctx, s, q.on); err != nil {
			return about, err
		}
	}
	about.report = config.Check(about.decl, about.facts)
	return about, nil
}

// standing asks the daemon for its declaration, or a generation of it, and its host's facts.
func (s *subject) standing(ctx context.Context, call *session.Session, q question) error {
	c, err := call.Client()
	if err != nil {
		return withoutDaemon(err, q.instead)
	}
	name := standing
	var stands wire.Config
	if q.at > 0 {
		name = fmt.Sprintf("generation %d", q.at)
		stands, err = c.Generation(ctx, q.at)
	} else {
		stands, err = c.Config(ctx)
	}
	if err != nil {
		return withoutDaemon(err, q.instead)
	}
	if len(stands.Declaration) > 0 {
		if s.decl, err = config.Decode(stands.Declaration); err != nil {
			return fault.Wrap(err, "%s cannot be read", name)
		}
		s.decl = s.decl.Unseen()
	}
	h, err := c.Host(ctx)
	if err != nil {
		return err
	}
	s.name, s.daemon, s.facts = name, c, h.Facts
	if s.host == "" {
		s.host = h.Facts.Name
	}
	return nil
}

// withoutDaemon says that a file would do.
func withoutDaemon(err error, instead string) error {
	if report.CodeOf(err) != report.NoDaemon {
		return err
	}
	return &report.Ended{Code: report.NoDaemon, Err: fault.New(fault.Unavailable, "no declaration to ask").Because(err).
		Try("%s", cmp.Or(instead, "name one, it needs no daemon: --file FILE.nix")).WithCode(fault.CodeOf(err))}
}

// against says where an answer does not hold for lack of facts.
func (s subject) against(call *session.Session) {
	if s.host == "" && !call.Output.ForPrograms() {
		call.Notice("held against no host: what needs one was not asked (--host self)")
	}
}

// known is the feature that a person named, by its id or by an older name.
func known(s *session.Session, name string) (catalogue.Feature, error) {
	f, notice, err := catalogue.Lookup(name)
	if notice != "" {
		s.Notice("%s", notice)
	}
	return f, err
}

// ids completes the names of features.
func ids(limit int, before string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, f := range catalogue.All() {
			for sign := range strings.SplitSeq(before, "|") {
				if name := sign + string(f.ID); strings.HasPrefix(name, start) {
					out = append(out, name+"\t"+string(f.Risk)+": "+f.On)
				}
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// objects are the things of the host that may use features: the VMs that stand in a file, or all that the daemon has,
// with the operations that are running there.
func (s subject) objects(ctx context.Context, project string) ([]feature.Object, error) {
	if s.daemon == nil {
		var out []feature.Object
		for _, name := range s.decl.Names() {
			spec, err := json.Marshal(s.decl.VMs[name].Spec)
			if err != nil {
				return nil, err
			}
			out = append(out, feature.Object{Kind: "vm", Name: name, Spec: spec})
		}
		return out, nil
	}
	return living(ctx, s.daemon, project)
}
