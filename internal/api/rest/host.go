package rest

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type featureList struct {
	Set     string `query:"set" maxLength:"32" doc:"low, moderate or high"`
	MaxRisk string `query:"maxRisk" maxLength:"32" doc:"minimal, low, moderate, high or critical"`
}

type stopVMs struct {
	Making
	Body *wire.StopVMs
}

type auditList struct {
	Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"records in a page"`
	Cursor int64 `query:"cursor" minimum:"0" doc:"next of the page before: the number of the last record that was seen"`
}

type (
	oneHost     struct{ Body wire.Host }
	allFeatures struct{ Body wire.Features }
	oneVersion  struct{ Body wire.Version }
	auditPage   struct{ Body wire.Page }
)

func (s *server) routeHost() {
	handle(s, action.HostShow, func(ctx context.Context, _ *struct{}) (*oneHost, error) {
		h, err := s.View.Host(ctx)
		return &oneHost{h}, err
	})
	change(s, action.HostStopVMs, func(ctx context.Context, in *stopVMs) (action.Result, error) {
		var opt wire.StopVMs
		if in.Body != nil {
			opt = *in.Body
		}
		return s.Actions.StopVMs(ctx, in.call(ctx), opt)
	})
	handle(s, action.FeatureList, func(ctx context.Context, in *featureList) (*allFeatures, error) {
		f, err := s.View.Features(ctx, in.Set, in.MaxRisk)
		return &allFeatures{f}, err
	})
	handle(s, action.AuditList, func(ctx context.Context, in *auditList) (*auditPage, error) {
		p, err := s.View.AuditRecords(ctx, in.Cursor, in.Limit)
		if p.Items == nil {
			p.Items = []json.RawMessage{}
		}
		return &auditPage{p}, err
	}, content(200, "a page", "application/json", schemaOf[page[wire.AuditRecord]](s)))
	handle(s, action.VersionShow, func(context.Context, *struct{}) (*oneVersion, error) {
		return &oneVersion{wire.Version{Version: s.Version, API: "v1"}}, nil
	})
}

type description struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// routeDescription serves what the other routes have told of themselves.
func (s *server) routeDescription() {
	text := sync.OnceValues(func() ([]byte, error) {
		return json.Marshal(s.api.OpenAPI())
	})
	handle(s, action.APIShow, func(context.Context, *struct{}) (*description, error) {
		data, err := text()
		return &description{ContentType: "application/json", Body: data}, err
	}, content(200, "this", "application/json", &huma.Schema{Type: huma.TypeObject}))
}
