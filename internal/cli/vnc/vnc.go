// Package vnc holds `hv vm vnc`: a place on this machine to which any VNC viewer connects and sees a VM's screen.
//
// What lives here: listening, and carrying bytes between viewers and the daemon. What does not: the protocol, which is
// between viewer and QEMU, and the connection (client).
package vnc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// anyPort is a free port that nobody but this machine's users reach.
const anyPort = "127.0.0.1:0"

// Command returns `hv vm vnc`.
func Command(s *session.Session) *cobra.Command {
	var listen, viewer string
	cmd := &cobra.Command{
		Use:   "vnc NAME",
		Short: "Look at a VM's screen with a VNC viewer",
		Long: `Listens on this machine, says where, and shows whoever connects there the VM's screen. Any VNC viewer will do, and
several may look at once. It goes on until Ctrl-C.

There is no password: on a port of 127.0.0.1 every user of this machine can connect while the command runs. Where
others log in, --listen unix:PATH makes a socket for you alone, which TigerVNC's vncviewer takes in place of a host.
--exec VIEWER starts a viewer with the address behind it, and ends when that does.

The VM needs graphics = {} in its spec (hv vm create --vnc).`,
		Example:           "  hv vm vnc first\n  hv vm vnc first --exec vncviewer\n  hv vm vnc first --listen unix:/tmp/first.vnc",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			l, at, err := listenAt(ctx, listen)
			if err != nil {
				return err
			}
			defer func() { _ = l.Close() }()
			if err := probe(ctx, s, args[0]); err != nil {
				return err
			}
			d := &door{session: s, name: args[0], listener: l}
			if viewer != "" {
				return d.show(ctx, viewer, at)
			}
			fmt.Fprintf(s.Out, "%s\n", at)
			s.Notice("the screen of vm/%s is at %s: vncviewer %s; Ctrl-C ends it", args[0], at, at)
			return d.serve(ctx)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", anyPort, "where to listen: 127.0.0.1:PORT, [::1]:PORT or unix:PATH")
	cmd.Flags().StringVar(&viewer, "exec", "", "start this viewer, and end with it")
	session.Values(cmd, "listen", anyPort, "127.0.0.1:5901")
	session.Values(cmd, "exec", "vncviewer", "remote-viewer")
	return cmd
}

// listenAt listens, and says where in a viewer's words: HOST::PORT is a port, where HOST:N would be display N. Who is
// not on this machine is not let in: there is no password.
func listenAt(ctx context.Context, where string) (net.Listener, string, error) {
	var c net.ListenConfig
	if path, ok := strings.CutPrefix(where, "unix:"); ok {
		l, err := c.Listen(ctx, "unix", path)
		if err != nil {
			return nil, "", fault.New(fault.Unavailable, "cannot listen on %s", path).Because(err).Try("--listen %s", anyPort)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return nil, "", errors.Join(fault.New(fault.Unavailable, "cannot keep %s to its owner", path).Because(err), l.Close())
		}
		return l, path, nil
	}
	addr, err := net.ResolveTCPAddr("tcp", where)
	if err != nil || addr.IP == nil || !addr.IP.IsLoopback() {
		return nil, "", report.Usage("--listen "+anyPort, "--listen %q: only this machine may connect, as there is no password", where)
	}
	l, err := c.Listen(ctx, "tcp", addr.String())
	if err != nil {
		return nil, "", fault.New(fault.Unavailable, "cannot listen on %s", addr).Because(err).Try("--listen %s takes a free port", anyPort)
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	return l, host + "::" + port, errors.Join(err)
}

// probe says at once what keeps viewers out, and not to the first of them.
func probe(ctx context.Context, s *session.Session, name string) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	screen, err := c.Screen(ctx, s.Ref(name))
	if err != nil {
		return err
	}
	return screen.Close()
}

// door lets viewers in.
type door struct {
	session  *session.Session
	name     string
	listener net.Listener
	viewers  sync.WaitGroup
}

// show runs a viewer, and serves until it ends.
func (d *door) show(asked context.Context, viewer, at string) error {
	ctx, cancel := context.WithCancel(asked)
	defer cancel()
	words := append(strings.Fields(viewer), at)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) // #nosec G204 -- the user's own viewer, with the user's rights
	cmd.Stdout, cmd.Stderr = d.session.Err, d.session.Err
	if err := cmd.Start(); err != nil {
		return fault.New(fault.Unavailable, "cannot start the viewer").Because(err).Try("hv vm vnc %s, and connect one by hand", d.name)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		cancel()
	}()
	_ = d.serve(ctx) // it ends with the viewer
	err := <-ended
	switch {
	case asked.Err() != nil:
		return context.Cause(asked)
	case err != nil:
		return fault.New(fault.Unavailable, "the viewer ended").Because(err)
	}
	return nil
}

// serve lets viewers in until ctx ends.
func (d *door) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer d.viewers.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = d.listener.Close() })()
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fault.New(fault.Unavailable, "no viewer can connect any more").Because(err)
		}
		d.viewers.Go(func() {
			if err := d.carry(ctx, conn); err != nil && ctx.Err() == nil {
				d.session.Notice("a viewer was not let in: %v", err)
			}
		})
	}
}

// carry joins one viewer to the VM's screen, until either ends.
func (d *door) carry(ctx context.Context, viewer net.Conn) error {
	defer func() { _ = viewer.Close() }()
	c, err := d.session.Client()
	if err != nil {
		return err
	}
	screen, err := c.Screen(ctx, d.session.Ref(d.name))
	if err != nil {
		return err
	}
	end := func() {
		_ = screen.Close()
		_ = viewer.Close()
	}
	defer context.AfterFunc(ctx, end)()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(screen, viewer) // ends with either side, which is no error
		end()
	}()
	_, _ = io.Copy(viewer, screen)
	end()
	<-sent
	return nil
}
