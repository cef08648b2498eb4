package client

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Failure is an error that the daemon answered. It unwraps to the *fault.Error that it was there,
// and that to a finding.Refusal where findings came along.
type Failure struct {
	Problem wire.Problem // as it came: the request's ID stands in it
	fault   *fault.Error
}

func (f *Failure) Error() string { return f.fault.Error() }

func (f *Failure) Unwrap() error { return f.fault }

// maxProblem bounds what is read of a problem.
const maxProblem = 4 << 20

// problem reads the error that an answer is.
func problem(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	var p wire.Problem
	if err != nil || kind != "application/problem+json" || json.Unmarshal(data, &p) != nil {
		of := wire.KindOf(resp.StatusCode)
		if resp.StatusCode < http.StatusBadRequest {
			of = fault.Unreadable
		}
		return fault.New(of, "the daemon answered %s", resp.Status).WithCode(wire.CodeStrangers).
			Try("use a client of the daemon's release: hv version")
	}
	return told(resp.StatusCode, p)
}

// told is the error that a problem tells of.
func told(status int, p wire.Problem) error {
	f := &fault.Error{Kind: wire.KindOf(status), Code: p.Code, What: p.Detail, Hint: p.Remedy}
	if len(p.Findings) > 0 {
		refusal := finding.Refusal{Findings: p.Findings}
		// Detail is the whole sentence; what the findings say comes from them again.
		f.What = strings.TrimSuffix(p.Detail, ": "+refusal.Error())
		f = f.Because(refusal)
	}
	return &Failure{Problem: p, fault: f}
}
