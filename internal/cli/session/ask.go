package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
)

// Notice tells a person something beside the result; -q leaves it away.
func (s *Session) Notice(format string, args ...any) {
	if !s.Quiet {
		fmt.Fprintf(s.Err, format+"\n", args...)
	}
}

// Confirm asks whether to go on, after what will happen was told. --yes answers for the user; without a
// terminal it wants that, and is a usage error otherwise. Anything but y or yes is a no.
func (s *Session) Confirm(ctx context.Context, question string) error {
	if s.Yes {
		return nil
	}
	if !s.Interactive() {
		return report.Usage("the same with --yes", "this asks before it goes on, and there is no terminal to ask at")
	}
	fmt.Fprint(s.Err, question+" [y/N] ")
	answer, err := s.readLine(ctx)
	if err != nil {
		fmt.Fprintln(s.Err)
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	s.Notice("nothing was changed")
	return report.Told(report.Refused)
}

// Ask asks for a line at the terminal, which the caller has made sure of.
func (s *Session) Ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(s.Err, question+" ")
	answer, err := s.readLine(ctx)
	if err != nil {
		fmt.Fprintln(s.Err)
	}
	return answer, err
}

// AskHidden asks for a line that the terminal does not show.
func (s *Session) AskHidden(ctx context.Context, question string) (string, error) {
	answer, err := screen.Hidden(ctx, s.In, s.Err, question+" ")
	if errors.Is(err, screen.ErrLeft) {
		return "", report.Told(report.Interrupted)
	}
	return answer, err
}

// readLine reads an answer; a call that is interrupted meanwhile does not wait for it.
func (s *Session) readLine(ctx context.Context) (string, error) {
	got := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(s.In).ReadString('\n') // the end of input answers "no"
		got <- text
	}()
	select {
	case text := <-got:
		return text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Interactive reports whether somebody can be asked.
func (s *Session) Interactive() bool { return screen.IsTerminal(s.In) && s.Err.IsTerminal() }
