package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// special is an error whose status is not the one of its kind.
type special struct {
	error
	status   int
	protocol string // that the path speaks, where it is an upgrade that is missing
}

func (s special) Unwrap() error { return s.error }

// statused gives an error a status of its own: 410, 411, 413, 426 and the like.
func statused(status int, err error) error { return special{error: err, status: status} }

// upgrade says that a path is a connection of its own, of this protocol.
func upgrade(protocol string, err error) error {
	return special{error: err, status: http.StatusUpgradeRequired, protocol: protocol}
}

// problem is an error as huma writes it.
type problem struct{ wire.Problem }

// GetStatus makes it a huma.StatusError.
func (p *problem) GetStatus() int { return p.Status }

func (p *problem) Error() string { return p.Detail }

// ContentType is that of RFC 9457.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// problemOf tells an error. What is our own mistake is told in the log only.
func (s *server) problemOf(id string, err error) *problem {
	kind := fault.KindOf(err)
	status := wire.StatusOf(kind)
	if sp, ok := errors.AsType[special](err); ok {
		status = sp.status
	}
	p := wire.Problem{
		Type: "about:blank", Title: kind.Error(), Status: status, Detail: err.Error(),
		Code: fault.CodeOf(err), Remedy: fault.HintOf(err), RequestID: id,
	}
	if kind == fault.Internal {
		s.Log.Error("a request broke", "request", id, "err", err)
		p.Detail, p.Code = "the daemon made a mistake", wire.CodeInternal
		p.Remedy = fmt.Sprintf("its log says more under request %s: journalctl -u hvd", id)
		return &problem{p}
	}
	p.Detail, p.Findings = found(err)
	if len(p.Findings) == 1 && p.Code == "" {
		p.Code = p.Findings[0].Code
	}
	if len(p.Findings) == 1 && p.Remedy == "" {
		p.Remedy = p.Findings[0].Remedy
	}
	return &problem{p}
}

// found takes an error apart: its sentence, and all that speaks against what was asked. Where it
// does not carry findings but problems or several causes, each becomes one.
func found(err error) (string, finding.List) {
	l, inner := against(err)
	if len(l) == 0 {
		return err.Error(), nil
	}
	return strings.TrimSuffix(err.Error(), inner.Error()) + finding.Refusal{Findings: l}.Error(), l
}

// against looks along the chain of causes for what speaks against, and returns the error that had it.
func against(err error) (finding.List, error) {
	for ; err != nil; err = errors.Unwrap(err) {
		switch e := err.(type) { //nolint:errorlint // this is the walk along the chain
		case finding.Refusal:
			return e.Findings, err
		case *config.Problems:
			return unread(e), err
		case interface{ Unwrap() []error }:
			return each(e.Unwrap()), err
		}
	}
	return nil, nil
}

func unread(p *config.Problems) finding.List {
	var l finding.List
	for _, one := range p.List {
		l = append(l, finding.Finding{
			Code: one.Code, Severity: finding.Refused, Subject: []string{}, What: one.What, Remedy: one.Hint,
			Position: one.Position, Path: one.Path,
		})
	}
	return l
}

func each(causes []error) finding.List {
	var l finding.List
	for _, cause := range causes {
		if more, _ := against(cause); len(more) > 0 {
			l = append(l, more...)
			continue
		}
		code := fault.CodeOf(cause)
		if code == "" {
			code = wire.CodeInvalid
		}
		l = append(l, finding.Finding{
			Code: code, Severity: finding.Refused, Subject: []string{}, What: cause.Error(), Remedy: fault.HintOf(cause),
		})
	}
	return l
}

// fail answers with an error outside of huma.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(requestID(r.Context()), err)
	w.Header().Set("Content-Type", p.ContentType(""))
	retryAfter(w.Header(), p.Status)
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		s.Log.Debug("an answer was not read", "request", requestID(r.Context()), "err", err)
	}
}

func retryAfter(h http.Header, status int) {
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		h.Set("Retry-After", "1")
	}
}

// told is huma's own errors in our shape: what did not fit, all of it at once.
func (s *server) told(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	id := requestID(ctx.Context())
	if m.Status == http.StatusInternalServerError { // a body that broke off, or a mistake
		s.Log.Error("a request broke", "request", id, "err", m.Detail, "details", fmt.Sprint(details(m)))
	}
	p := wire.Problem{
		Type: "about:blank", Title: wire.KindOf(m.Status).Error(), Status: m.Status, Code: codeOf(m.Status),
		Findings: details(m), RequestID: id,
	}
	p.Detail, p.Remedy = "the request does not fit", "GET /v1/openapi.json says what fits"
	switch m.Status {
	case http.StatusBadRequest:
		p.Detail = "the request cannot be read"
	case http.StatusRequestEntityTooLarge:
		p.Detail, p.Remedy = "the request is too large", ""
	case http.StatusUnsupportedMediaType:
		p.Remedy = "send application/json"
	case http.StatusLengthRequired:
		p.Remedy = "send Content-Length, the number of bytes"
	case http.StatusRequestTimeout:
		p.Detail, p.Remedy = "the request's body took too long", ""
	case http.StatusInternalServerError:
		p.Detail, p.Remedy = "the request's body could not be read", ""
		p.Findings = nil
	}
	if len(p.Findings) > 0 {
		p.Detail += ": " + finding.Refusal{Findings: p.Findings}.Error()
	} else if m.Status == http.StatusBadRequest || m.Status == http.StatusRequestEntityTooLarge {
		p.Detail += ": " + m.Detail
	}
	return &p, nil
}

func details(m *huma.ErrorModel) finding.List {
	var l finding.List
	for _, d := range m.Errors {
		if d == nil {
			continue
		}
		what := d.Message
		if d.Location != "" && d.Location != "body" {
			what = d.Location + ": " + what
		}
		l = append(l, finding.Finding{Code: codeOf(m.Status), Severity: finding.Refused, Subject: []string{}, What: what, Path: d.Location})
	}
	return l
}

func codeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return wire.CodeUnreadable
	case http.StatusRequestEntityTooLarge:
		return wire.CodeTooLarge
	case http.StatusLengthRequired:
		return wire.CodeNoLength
	case http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
		return wire.CodeNotAccepted
	case http.StatusRequestTimeout:
		return wire.CodeCutOff
	case http.StatusInternalServerError:
		return wire.CodeInternal
	}
	return wire.CodeInvalid
}
