package rest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// maxScrollback is the most that is sent of what was printed before: what is kept of it.
const maxScrollback = 16 << 20

type consoleInput struct {
	Named
	Connection string `header:"Connection" hidden:"true"`
	Upgrade    string `header:"Upgrade" doc:"hv-console"`
	Scrollback int    `query:"scrollback" minimum:"0" maximum:"16777216" doc:"bytes of what was printed before, sent first"`
	Take       bool   `query:"take" doc:"type from now on, also where somebody else does; without it who types first does, until he leaves"`
}

type logInput struct {
	Named
	Log    string `path:"log" enum:"serial,serial-previous,qemu,qemu-previous" doc:"what the guest wrote to its serial line, or what QEMU complained about, in this run or in the one before"`
	Lines  int    `query:"lines" minimum:"-1" default:"-1" doc:"the last so many lines; -1 for all there is"`
	Tail   int    `query:"tail" minimum:"-1" default:"-1" doc:"without lines, the last so many bytes; -1 for all there is"`
	Follow bool   `query:"follow" doc:"go on with what is written from then on, also by the VM's next run"`
}

func (s *server) routeConsole() {
	handle(s, action.VMConsole, func(_ context.Context, in *consoleInput) (*huma.StreamResponse, error) {
		if !accepts(in.Connection, "upgrade") || !strings.EqualFold(in.Upgrade, wire.ConsoleProtocol) {
			return nil, upgrade(wire.ConsoleProtocol, fault.New(fault.Precondition, "a console is a connection of its own").
				WithCode(wire.CodeNoUpgrade).Try("send Connection: Upgrade and Upgrade: %s, or use hv vm console %s", wire.ConsoleProtocol, in.Name))
		}
		return s.stream(wire.ConsoleProtocol, in.ref(), s.Actions.OpenConsole, func(ctx context.Context) (io.ReadWriteCloser, error) {
			return s.Console.Connect(ctx, in.ref(), vm.ConsoleOptions{Who: who(callOf(ctx)), Scrollback: min(in.Scrollback, maxScrollback), Take: in.Take})
		}), nil
	}, content(http.StatusSwitchingProtocols, "the guest's serial line, bytes both ways", wire.ConsoleProtocol, &huma.Schema{}),
		func(op *huma.Operation) { op.DefaultStatus = http.StatusSwitchingProtocols })
	handle(s, action.VMLogs, func(_ context.Context, in *logInput) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			if err := s.logs(w, r, in); err != nil {
				s.fail(w, r, err)
			}
		}}, nil
	}, content(http.StatusOK, "the log, as it was written", "text/plain", &huma.Schema{Type: huma.TypeString}))
}

// who is a caller in a word, for others who look at the same line.
func who(call action.Call) string {
	if call.Actor.Name != "" {
		return call.Actor.Name
	}
	return fmt.Sprintf("uid %d", call.Actor.UID)
}

// logs sends a log, and with follow what is written to it until the reader is gone.
func (s *server) logs(w http.ResponseWriter, r *http.Request, in *logInput) error {
	ctx, done := untilStopped(r.Context(), false)
	defer done()
	if in.Follow {
		free, err := s.place()
		if err != nil {
			return err
		}
		defer free()
	}
	log, err := s.Logs.Read(ctx, in.ref(), in.Log, vm.LogPart{Lines: in.Lines, Tail: in.Tail, Follow: in.Follow})
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	defer context.AfterFunc(ctx, func() { _ = log.Close() })()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	defer written(rc)
	buf := make([]byte, 32<<10)
	for {
		if in.Follow { // also what was not enough to fill a packet
			writing(rc)
			if rc.Flush() != nil {
				return nil
			}
		}
		n, err := log.Read(buf)
		writing(rc)
		if _, broken := w.Write(buf[:n]); err != nil || broken != nil {
			return nil
		}
	}
}
