package rest

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
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
	handle(s, action.VMShot, func(_ context.Context, in *struct{ Named }) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			if err := s.picture(w, r, in.ref()); err != nil {
				s.fail(w, r, err)
			}
		}}, nil
	}, content(http.StatusOK, "what the guest's screen shows now", "image/png", &huma.Schema{Type: huma.TypeString, Format: "binary"}))
}

// picture asks whether the caller may, has a picture taken and sends it.
func (s *server) picture(w http.ResponseWriter, r *http.Request, ref model.Ref) error {
	free, err := s.place()
	if err != nil {
		return err
	}
	defer free()
	ctx, done := untilStopped(r.Context(), false)
	defer done()
	if err := s.Actions.OpenPicture(ctx, callOf(ctx), ref); err != nil {
		return err
	}
	pic, size, err := s.Screens.Picture(ctx, ref)
	if err != nil {
		return err
	}
	defer func() { _ = pic.Close() }()
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	defer written(rc)
	buf := make([]byte, 64<<10)
	for {
		n, err := pic.Read(buf)
		writing(rc)
		if _, broken := w.Write(buf[:n]); err != nil || broken != nil {
			return nil // one that is cut off is shorter than was said
		}
	}
}
