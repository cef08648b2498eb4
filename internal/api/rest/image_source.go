package rest

import (
	"context"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Sources asks the places that list images.
type Sources interface {
	// Offers returns what one lists, and by whom that is signed; what was read a short while ago counts, unless fresh.
	Offers(ctx context.Context, s storage.IndexSpec, fresh bool) ([]storage.Offer, string, error)
}

// mostOffers is how many images one answer has.
const mostOffers = 500

type addImageSource struct {
	Making
	Body wire.AddImageIndex
}

type removeImageSource struct {
	HostNamed
	Changing
}

type askOffers struct {
	HostNamed
	Words string `query:"words" maxLength:"200" doc:"words that the name or the title must have, with spaces between"`
	Fresh bool   `query:"fresh" doc:"ask the source, though it was asked a short while ago"`
}

type offers struct{ Body wire.ImageOffers }

func (s *server) routeImageSources() {
	list[poolList, wire.ImageIndex](s, action.ImageSourceList,
		func(*poolList) string { return "image-source/" },
		func(in *poolList) Listing { return in.Listing },
		func(ctx context.Context, in *poolList) (wire.Page, error) {
			return s.View.ImageSources(ctx, in.options())
		})
	change(s, action.ImageSourceAdd, func(ctx context.Context, in *addImageSource) (action.Result, error) {
		return s.Actions.AddImageSource(ctx, in.call(ctx), in.Body)
	})
	change(s, action.ImageSourceRemove, func(ctx context.Context, in *removeImageSource) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.RemoveImageSource(ctx, call, in.Name)
	})
	handle(s, action.ImageSourceOffers, func(ctx context.Context, in *askOffers) (*offers, error) {
		src, err := s.View.ImageSource(ctx, in.Name)
		if err != nil {
			return nil, err
		}
		free, err := s.place()
		if err != nil {
			return nil, err
		}
		defer free()
		ctx, done := untilStopped(ctx, false)
		defer done()
		all, signed, err := s.Sources.Offers(ctx, src.Spec, in.Fresh)
		if err != nil {
			return nil, err
		}
		out := wire.ImageOffers{Signed: signed, Offers: []storage.Offer{}}
		words := strings.Fields(in.Words)
		for _, o := range all {
			switch {
			case !o.Matches(words...):
			case len(out.Offers) == mostOffers:
				out.Left++
			default:
				out.Offers = append(out.Offers, o)
			}
		}
		return &offers{out}, nil
	})
}
