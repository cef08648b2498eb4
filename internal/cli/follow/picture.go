package follow

import (
	"fmt"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// patience is how long something may take before a terminal shows that it does.
const patience = time.Second

const barWidth = 24

// picture shows one operation.
type picture struct {
	s      *session.Session
	status screen.Status
	op     operation.Operation
	begun  time.Time
	told   int // steps that were told as lines
	turn   int
}

func newPicture(s *session.Session) *picture {
	return &picture{s: s, status: screen.Status{Screen: s.Err}, begun: s.Now()}
}

func (p *picture) clear() { p.status.Clear() }

// see takes in a new state. Without a terminal it tells the steps that have ended.
func (p *picture) see(op operation.Operation) {
	p.op = op
	if p.s.Err.IsTerminal() || p.s.Quiet {
		return
	}
	for ; p.told < len(op.Steps) && op.Steps[p.told].State.Ended(); p.told++ {
		step := op.Steps[p.told]
		text := fmt.Sprintf("%s: %s", subject(op), screen.Safe(step.Name))
		if step.State != operation.Done {
			text += ": " + string(step.State)
		} else if step.Started != nil && step.Ended != nil {
			text += ", " + output.Took(step.Ended.Sub(*step.Started))
		}
		fmt.Fprintln(p.s.Err, text)
	}
}

// draw shows, on a terminal, what is being done and for how long.
func (p *picture) draw() {
	now := p.s.Now()
	if p.s.Quiet || now.Sub(p.begun) < patience {
		return
	}
	p.turn++
	p.status.Show(screen.Spinner(p.turn) + " " + describe(p.op, now.Sub(p.begun)))
}

func describe(op operation.Operation, took time.Duration) string {
	if op.ID == "" {
		return output.Took(took)
	}
	text := subject(op) + ": " + string(op.State)
	switch n := len(op.Steps); {
	case op.State == operation.Pending:
		text = subject(op) + ": waiting for its turn"
	case n > 0: // the steps that are known are done; the guest has its time
		text = subject(op) + ": waiting (done: " + screen.Safe(op.Steps[n-1].Name) + ")"
	}
	for _, step := range op.Steps {
		if step.State.Ended() {
			continue
		}
		text = subject(op) + ": " + screen.Safe(step.Name)
		if g := step.Progress; g != nil && g.Total > 0 {
			return fmt.Sprintf("%s %s %d %%", text, screen.Bar(g.Done, g.Total, barWidth), g.Done*100/g.Total)
		}
		break
	}
	return text + " " + output.Took(took)
}

func subject(op operation.Operation) string {
	if op.Target.Name == "" {
		return op.Action
	}
	return op.Target.Kind + "/" + op.Target.Name
}

// Transfer shows how far an import is. Its first and last calls come from the goroutine that sends.
type Transfer struct {
	s      *session.Session
	status screen.Status
	label  string
	begun  time.Time
	drawn  time.Time
	turn   int
}

// NewTransfer shows the transfer of what label names.
func NewTransfer(s *session.Session, label string) *Transfer {
	return &Transfer{s: s, status: screen.Status{Screen: s.Err}, label: label, begun: s.Now()}
}

// See takes in that sent of total bytes are on their way.
func (t *Transfer) See(sent, total model.Bytes) {
	now := t.s.Now()
	if t.s.Quiet || now.Sub(t.begun) < patience || now.Sub(t.drawn) < 100*time.Millisecond {
		return
	}
	t.drawn = now
	t.turn++
	t.status.Show(sending(t.label, t.turn, sent, total, now.Sub(t.begun)))
}

// sending is how far a transfer is, in one line. When all is sent, what is left is the daemon's: it
// checks and syncs.
func sending(label string, turn int, sent, total model.Bytes, took time.Duration) string {
	if sent >= total {
		return fmt.Sprintf("%s %s: sent, being stored", screen.Spinner(turn), label)
	}
	rate := model.Bytes(float64(sent) / took.Seconds())
	return fmt.Sprintf("%s %s %d %%  %s of %s  %s/s", label, screen.Bar(int64(sent), int64(total), barWidth), int64(sent)*100/int64(total), sent, total, rate)
}

// Done takes the picture away.
func (t *Transfer) Done() { t.status.Clear() }
