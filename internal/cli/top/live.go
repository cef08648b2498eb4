package top

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// What a terminal obeys: a screen of its own without a cursor, and back.
const (
	enter = "\x1b[?1049h\x1b[?25l"
	leave = "\x1b[?25h\x1b[?1049l"
)

// picture is what the screen shows.
type picture struct {
	page    wire.UsagePage
	sort    string
	from    int // the first row that is shown
	trouble string
}

// answer is what the daemon said.
type answer struct {
	page wire.UsagePage
	sort string
	err  error
}

// live shows it on a screen of its own until q, Ctrl-C or the end of the call. The terminal is given back whatever happens.
func (t *top) live(ctx context.Context) error {
	first, err := t.ask(ctx, t.sort) // what keeps it from being shown is told where it stays
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	keys := make(chan key)
	if screen.IsTerminal(t.In) {
		restore, err := screen.Raw(t.In)
		if err != nil {
			return fault.New(fault.Unavailable, "cannot make the terminal raw").Because(err)
		}
		defer restore()
		go readKeys(ctx, t.In, keys)
	}
	fmt.Fprint(t.Out, enter)
	defer fmt.Fprint(t.Out, leave)
	return t.show(ctx, &picture{page: first, sort: t.sort}, keys)
}

func (t *top) show(ctx context.Context, p *picture, keys <-chan key) error {
	answers := make(chan answer, 1)
	asking := false
	ask := func() {
		if asking {
			return
		}
		asking = true
		go func(sort string) {
			page, err := t.ask(ctx, sort)
			answers <- answer{page, sort, err}
		}(p.sort)
	}
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for {
		if err := t.draw(p); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			ask()
		case k := <-keys:
			if k == quit {
				return nil
			}
			if p.pressed(k, t.rows()) {
				ask() // also where one is under way: its answer asks again
			}
		case a := <-answers:
			asking = false
			if a.err != nil && !fault.Retryable(a.err) {
				return a.err
			}
			p.answered(a)
			if a.sort != p.sort {
				ask()
			}
		}
	}
}

// answered takes up what the daemon said; what was shown stays while it says nothing.
func (p *picture) answered(a answer) {
	if a.err != nil {
		p.trouble = a.err.Error()
		return
	}
	p.page, p.trouble = a.page, ""
}

// pressed does what a key says, and reports whether it takes another answer.
func (p *picture) pressed(k key, rows int) bool {
	columns := wire.UsageColumns()
	n := slices.Index(columns, p.sort)
	switch k {
	case next:
		p.sort = columns[(n+1)%len(columns)]
	case previous:
		p.sort = columns[(n+len(columns)-1)%len(columns)]
	case down:
		p.from = max(min(p.from+1, len(p.page.Items)-rows), 0)
		return false
	case up:
		p.from = max(p.from-1, 0)
		return false
	case quit, nothing:
		return false
	}
	return true
}

// head is how many lines stand above the rows: the sum, the help, the titles.
const head = 3

// rows is how many VMs the screen has room for.
func (t *top) rows() int { return max(t.Out.Height()-head, 1) }

// draw writes the whole screen at once, over what was there.
func (t *top) draw(p *picture) error {
	var text strings.Builder
	canvas := t.Out
	canvas.Writer = &text
	shown := p.page
	p.from = max(min(p.from, len(shown.Items)-t.rows()), 0)
	shown.Items = shown.Items[p.from:min(p.from+t.rows(), len(shown.Items))]
	help := fmt.Sprintf("sorted by %s; < > another column, arrows scroll, q ends", p.sort)
	if p.trouble != "" {
		help = "no answer, shown is the last: " + screen.Safe(p.trouble)
	}
	for _, line := range []string{sum(p.page.Totals), help} {
		fmt.Fprintln(canvas, screen.Cut(line, t.Out.Width()))
	}
	table := tableOf(shown)
	if err := table.Write(canvas, false); err != nil {
		return err
	}
	if len(p.page.Items) == 0 {
		fmt.Fprintln(canvas, screen.Cut(empty, t.Out.Width()))
	}
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	_, err := fmt.Fprint(t.Out, "\x1b[H"+strings.Join(lines, "\x1b[K\r\n")+"\x1b[K\x1b[J")
	return err
}
