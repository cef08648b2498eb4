package rest

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// upload is the body of an import: read by the action as it comes, never kept in memory.
type upload struct {
	size   model.Bytes
	reader io.Reader
}

// Resolve takes hold of the request's body. Its size is said before, so that an action can refuse
// before a byte is read: with "Expect: 100-continue" none is sent then.
func (u *upload) Resolve(hc huma.Context) []error {
	r, w := humago.Unwrap(hc)
	switch {
	case r.ContentLength < 0:
		return []error{refused{http.StatusLengthRequired, "an import says how long it is"}}
	case r.ContentLength > int64(storage.MaxVolume):
		return []error{refused{http.StatusRequestEntityTooLarge, fmt.Sprintf("%s are more than %s, the most that can be imported",
			model.Bytes(r.ContentLength), storage.MaxVolume)}}
	}
	u.size = model.Bytes(r.ContentLength)
	u.reader = &steady{body: r.Body, rc: http.NewResponseController(w)}
	return nil
}

// steady reads a body for as long as something comes.
type steady struct {
	body io.Reader
	rc   *http.ResponseController
}

func (s *steady) Read(p []byte) (int, error) {
	reading(s.rc)
	n, err := s.body.Read(p)
	if err == nil {
		return n, nil
	}
	read(s.rc)
	if err != io.EOF { //nolint:errorlint // a reader's end is never wrapped
		err = fault.New(fault.Unavailable, "the import broke off").Because(err).WithCode(wire.CodeCutOff).Try("import it again")
	}
	return n, err
}

// refused is an error found while a request is decoded, with a status of its own.
type refused struct {
	status int
	what   string
}

func (r refused) Error() string { return r.what }

// GetStatus makes it a huma.StatusError.
func (r refused) GetStatus() int { return r.status }

// parseLabels reads labels as they stand in a query: "tier=web,env=test".
func parseLabels(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	out := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		k, v, ok := strings.Cut(part, "=")
		if _, twice := out[k]; !ok || twice {
			return nil, fault.New(fault.Invalid, "labels %.200q have a part without \"=\", or a key twice", text).WithCode(wire.CodeInvalid).
				Try("write them like tier=web,env=test")
		}
		out[k] = v
	}
	return out, nil
}
