package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type passwordInput struct {
	Named
	Body wire.GuestPassword
}

type (
	guestFacts struct{ Body vm.GuestStatus }
	guestTrim  struct{ Body wire.GuestTrim }
	guestSeed  struct{ Body wire.CloudInit }
)

// routeGuest: what is asked of guests is over when it is answered, and makes no operation.
func (s *server) routeGuest() {
	handle(s, action.VMGuest, func(ctx context.Context, in *struct{ Named }) (*guestFacts, error) {
		ctx, done := untilStopped(ctx, false)
		defer done()
		if _, err := s.View.VM(ctx, in.ref()); err != nil {
			return nil, err
		}
		g, err := s.Guests.Facts(ctx, in.ref())
		return &guestFacts{g}, err
	})
	for _, row := range []action.Row{action.VMSeed, action.VMSecrets} {
		handle(s, row, func(ctx context.Context, in *struct{ Named }) (*guestSeed, error) {
			c, err := s.View.CloudInit(ctx, in.ref(), row == action.VMSecrets)
			return &guestSeed{c}, err
		})
	}
	s.routeExec()
	handle(s, action.VMPassword, func(ctx context.Context, in *passwordInput) (*struct{}, error) {
		return nil, s.asked(ctx, func(ctx context.Context) error {
			return s.Actions.OpenPassword(ctx, callOf(ctx), in.ref(), in.Body.User)
		}, func(ctx context.Context) error {
			return s.Guests.SetPassword(ctx, in.ref(), in.Body.User, in.Body.Password, in.Body.Crypted)
		})
	})
	handle(s, action.VMSetTime, func(ctx context.Context, in *struct{ Named }) (*struct{}, error) {
		return nil, s.asked(ctx, s.guestGate(action.VMSetTime, in.ref()), func(ctx context.Context) error { return s.Guests.SetTime(ctx, in.ref()) })
	})
	handle(s, action.VMTrim, func(ctx context.Context, in *struct{ Named }) (*guestTrim, error) {
		var out guestTrim
		err := s.asked(ctx, s.guestGate(action.VMTrim, in.ref()), func(ctx context.Context) (err error) {
			out.Body.Trimmed, err = s.Guests.Trim(ctx, in.ref())
			return err
		})
		return &out, err
	})
}

func (s *server) guestGate(row action.Row, ref model.Ref) func(context.Context) error {
	return func(ctx context.Context) error { return s.Actions.OpenGuest(ctx, callOf(ctx), row, ref) }
}

// asked has a guest do something for whom may ask for it. It takes one of the places of streams: a guest may take its
// time.
func (s *server) asked(ctx context.Context, may, do func(context.Context) error) error {
	free, err := s.place()
	if err != nil {
		return err
	}
	defer free()
	ctx, done := untilStopped(ctx, false)
	defer done()
	if err := may(ctx); err != nil {
		return err
	}
	return do(ctx)
}
