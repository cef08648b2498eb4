package editor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// inEditor edits one VM in the user's editor, round after round, until the text is accepted or given up.
func inEditor(ctx context.Context, s *session.Session, name string) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	v, err := c.VM(ctx, s.Ref(name))
	if err != nil {
		return err
	}
	if err := edit(s, name, []byte("{}"), 0).May(ctx, c); err != nil { // before its user is given a text to work on
		return err
	}
	r := &rounds{s: s, client: c, before: vm.Definition{Name: name, Labels: v.Metadata.Labels, Spec: v.Spec}, revision: v.Metadata.Revision}
	r.form = forms[output.YAML]
	if f, ok := forms[s.Output]; ok {
		r.form = f
	}
	text, err := r.form.text(r.before)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "hv-vm-"+name+"-*"+r.form.ending)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot make a file to edit").Because(err)
	}
	r.path = file.Name()
	_ = file.Close() // it is written by its name
	patch, err := r.play(ctx, text)
	if err == nil && patch == nil {
		s.Notice("nothing was changed")
	}
	if err == nil && patch != nil {
		err = apply(ctx, s, []string{name}, patch, r.revision)
	}
	if err != nil && r.edited != "" {
		r.others(ctx, err)
		s.Notice("your edit is kept in %s", r.path)
		return err
	}
	return errors.Join(err, os.Remove(r.path))
}

// others shows what somebody else has made of the VM meanwhile, where that is why an edit was refused.
func (r *rounds) others(ctx context.Context, why error) {
	if fault.CodeOf(why) != wire.CodeChanged {
		return
	}
	v, err := r.client.VM(ctx, r.s.Ref(r.before.Name))
	if err != nil {
		return
	}
	patch, err := mergePatch(r.before, vm.Definition{Name: r.before.Name, Labels: v.Metadata.Labels, Spec: v.Spec})
	if err == nil && patch != nil {
		r.s.Notice("somebody else has changed it meanwhile: %s", patch)
	}
}

// rounds are the rounds of one edit.
type rounds struct {
	s        *session.Session
	client   *client.Client
	form     form
	path     string
	before   vm.Definition
	revision int64
	edited   string // what the user has made of it; "" while that is nothing
}

// play returns the patch that was accepted, nil where nothing was changed.
func (r *rounds) play(ctx context.Context, text string) ([]byte, error) {
	lines := []string{"The definition of vm " + r.before.Name + ". Lines like this one are taken out again."}
	shown := text
	for {
		got, err := r.edit(ctx, r.form.head(lines, shown))
		if err != nil {
			return nil, err
		}
		if got == text || strings.TrimSpace(got) == "" {
			r.edited = ""
			return nil, nil
		}
		again := got == shown && r.edited != ""
		r.edited, shown = got, got
		patch, refused := r.accepted(ctx, got)
		switch {
		case refused == nil:
			return patch, nil
		case again, fault.CodeOf(refused) == wire.CodeChanged, ctx.Err() != nil: // given up, or not to be mended here
			return nil, refused
		}
		lines = problems(refused)
	}
}

// edit lets the user at a text and returns what came of it, without our lines.
func (r *rounds) edit(ctx context.Context, text string) (string, error) {
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		return "", fault.New(fault.Unavailable, "cannot write the file to edit").Because(err)
	}
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi")
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "hv", r.path) // #nosec G204 -- the user's own editor, with its options
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r.s.In, r.s.Out, r.s.Err
	if err := cmd.Run(); err != nil {
		return "", report.Usage("export EDITOR=nano, or hv vm edit "+r.before.Name+" --set KEY=VALUE", "the editor %q: %v", editor, err)
	}
	got, err := os.ReadFile(r.path)
	if err != nil {
		return "", fault.New(fault.Unavailable, "cannot read what was edited").Because(err)
	}
	return r.form.body(string(got)), nil
}

// accepted returns the patch that a text comes to, nil for none, or why it is refused.
func (r *rounds) accepted(ctx context.Context, text string) ([]byte, error) {
	all, _, err := config.ReadVMsString(ctx, r.form.config, "vm "+r.before.Name, text)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || all[0].Name != r.before.Name {
		return nil, fault.New(fault.Invalid, "the text is to be of vm %q", r.before.Name).Try("hv vm rename %s NEW gives it another name", r.before.Name)
	}
	patch, err := mergePatch(r.before, all[0])
	if err != nil || patch == nil {
		return nil, err
	}
	res, err := r.client.EditVM(ctx, r.s.Ref(r.before.Name), patch, client.Change{DryRun: true, IfMatch: r.revision})
	if err != nil {
		return nil, err
	}
	if res.Preview != nil && res.Preview.Refused {
		return nil, fault.New(fault.Invalid, "cannot change vm %q", r.before.Name).Because(finding.Refusal{Findings: res.Preview.Findings})
	}
	return patch, nil
}

// problems says why a text was refused, in lines for its top.
func problems(err error) []string {
	lines := []string{"This was refused. Mend it, or leave it as it is to give up.", ""}
	if refusal, ok := errors.AsType[finding.Refusal](err); ok {
		for _, f := range refusal.Findings {
			lines = append(lines, fmt.Sprintf("%s: %s  %s", f.Severity, f.What, f.Code))
			if f.Remedy != "" {
				lines = append(lines, "  try: "+f.Remedy)
			}
		}
		return append(lines, "")
	}
	for _, l := range strings.Split(err.Error(), "\n") {
		lines = append(lines, "error: "+l)
	}
	if hint := fault.HintOf(err); hint != "" {
		lines = append(lines, "  try: "+hint)
	}
	return append(lines, "")
}
