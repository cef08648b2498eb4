package rest

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type screenInput struct {
	Named
	Connection string `header:"Connection" hidden:"true"`
	Upgrade    string `header:"Upgrade" doc:"hv-vnc"`
}

func (s *server) routeScreen() {
	handle(s, action.VMVNC, func(_ context.Context, in *screenInput) (*huma.StreamResponse, error) {
		if !accepts(in.Connection, "upgrade") || !strings.EqualFold(in.Upgrade, wire.VNCProtocol) {
			return nil, upgrade(wire.VNCProtocol, fault.New(fault.Precondition, "a viewer of a screen is a connection of its own").
				WithCode(wire.CodeNoUpgrade).Try("send Connection: Upgrade and Upgrade: %s, or use hv vm vnc %s", wire.VNCProtocol, in.Name))
		}
		return s.stream(wire.VNCProtocol, in.ref(), s.Actions.OpenScreen, func(ctx context.Context) (io.ReadWriteCloser, error) {
			return s.Screens.Connect(ctx, in.ref())
		}), nil
	}, content(http.StatusSwitchingProtocols, "the guest's screen, for one viewer: RFB (RFC 6143), without a password", wire.VNCProtocol, &huma.Schema{}),
		func(op *huma.Operation) { op.DefaultStatus = http.StatusSwitchingProtocols })
}
