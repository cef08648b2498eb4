// Package console holds `hv vm console`: a person at a guest's serial line, or a script that waits for what
// is printed there.
//
// What lives here: the two ends of the line on our side. What does not: the connection (client).
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// defaultScrollback is how much of what was printed before is shown.
const defaultScrollback = "64KiB"

// Command returns `hv vm console`.
func Command(s *session.Session) *cobra.Command {
	var until, scrollback string
	var take bool
	cmd := &cobra.Command{
		Use:   "console NAME",
		Short: "Connect to a VM's serial console",
		Long: `Connects to a VM's serial console: what it printed before, then what it prints, and what you type goes to it.

Leave with Ctrl-] (^]). Several may be connected at once; all see the same, and who types first holds the line until he
leaves. Others who type are told who does; --take takes the line.

--until REGEX types nothing and prints until a line matches (RE2 syntax, https://golang.org/s/re2syntax), then
exits with 0. It needs no terminal; --timeout bounds it, exit 5.`,
		Example:           "  hv vm console first\n  hv vm console first --until 'login:' --timeout 2m",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			back, err := model.ParseBytes(scrollback)
			if err != nil || back < 0 || back > 16*model.MiB {
				return report.Usage("--scrollback 64KiB", "--scrollback %q: 0 to 16MiB", scrollback)
			}
			var match *regexp.Regexp
			if until != "" {
				if match, err = regexp.Compile(until); err != nil {
					return report.Usage("--until 'login:'", "--until: %v", err)
				}
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			conn, err := c.OpenConsole(cmd.Context(), s.Ref(args[0]), vm.ConsoleOptions{Scrollback: int(back), Take: take})
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			if match != nil {
				return watch(cmd.Context(), s, conn, args[0], match)
			}
			return attach(cmd.Context(), s, conn, args[0])
		},
	}
	cmd.Flags().StringVar(&until, "until", "", "print until a line matches this regular expression")
	cmd.Flags().StringVar(&scrollback, "scrollback", defaultScrollback, "how much of what was printed before")
	cmd.Flags().BoolVar(&take, "take", false, "take the line from who types on it")
	session.Values(cmd, "until", "login:")
	session.Values(cmd, "scrollback", "0", defaultScrollback, "1MiB", "16MiB")
	return cmd
}

// detach is what leaves the console: Ctrl-].
const detach = 0x1d

// errLeft ends a console that was left on purpose.
var errLeft = errors.New("left")

// attach lets a person at the line. The terminal is given back whatever happens.
func attach(ctx context.Context, s *session.Session, conn io.ReadWriter, name string) error {
	person := screen.IsTerminal(s.In)
	if person {
		restore, err := screen.Raw(s.In)
		if err != nil {
			return fault.New(fault.Unavailable, "cannot make the terminal raw").Because(err)
		}
		defer restore()
		s.Notice("console of vm/%s; leave with ^]\r", name)
	}
	ends := make(chan error, 2)
	go func() {
		_, err := io.Copy(s.Out, conn)
		ends <- err
	}()
	go func() {
		if err := typed(s.In, conn, person); err != nil {
			ends <- err
		} // input that has ended does not end what is printed
	}()
	return left(ctx, s, name, person, ends)
}

func left(ctx context.Context, s *session.Session, name string, person bool, ends <-chan error) error {
	newline := "\n"
	if person {
		newline = "\r\n"
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-ends:
		if ctx.Err() != nil { // the connection ends with it
			return context.Cause(ctx)
		}
		if errors.Is(err, errLeft) {
			fmt.Fprint(s.Err, newline)
			s.Notice("left the console of vm/%s\r", name)
			return nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fault.New(fault.Unavailable, "the console of vm %q broke off", name).Because(err).Try("hv vm console %s", name)
		}
		fmt.Fprint(s.Err, newline)
		s.Notice("the console of vm/%s has ended: hv vm show %s\r", name, name)
		return nil
	}
}

// typed passes on what is typed, until ^] or the end of input.
func typed(in io.Reader, to io.Writer, person bool) error {
	buf := make([]byte, 1024)
	for {
		n, err := in.Read(buf)
		for i, b := range buf[:n] {
			if person && b == detach {
				_, _ = to.Write(buf[:i]) // who leaves does not wait for what he typed
				return errLeft
			}
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil //nolint:nilerr // the end of input, however it came
		}
	}
}
