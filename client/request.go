package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// maxAnswer bounds what is read of one answer: more than a page of the largest objects.
const maxAnswer = 64 << 20

// request is one call being put together.
type request struct {
	method string
	path   string // below the server's root, its parts escaped
	query  query
	header http.Header
	body   io.Reader
	size   int64 // of body
}

func newRequest(method string, parts ...string) *request {
	var path strings.Builder
	for _, p := range parts {
		path.WriteString("/" + url.PathEscape(p))
	}
	return &request{method: method, path: path.String(), query: query{}, header: http.Header{}}
}

func (r *request) json(body any) (*request, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot encode the request").Because(err)
	}
	return r.raw("application/json", data), nil
}

func (r *request) raw(contentType string, data []byte) *request {
	r.header.Set("Content-Type", contentType)
	r.body, r.size = bytes.NewReader(data), int64(len(data))
	return r
}

func (r *request) change(ch Change) *request {
	r.query.flag("dryRun", ch.DryRun)
	if ch.IdempotencyKey != "" {
		r.header.Set("Idempotency-Key", ch.IdempotencyKey)
	}
	if ch.IfMatch != 0 {
		r.header.Set("If-Match", strconv.Quote(strconv.FormatInt(ch.IfMatch, 10)))
	}
	return r
}

// send makes the call and returns its answer when it is a good one; its body is the caller's to close.
func (c *Client) send(ctx context.Context, r *request) (*http.Response, error) {
	values := url.Values{}
	for k, v := range r.query {
		values.Set(k, v)
	}
	address := url.URL{Scheme: "http", Host: "hvd", Path: "/", RawQuery: values.Encode()}
	req, err := http.NewRequestWithContext(ctx, r.method, address.String(), r.body)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot make the request").Because(err)
	}
	unescaped, err := url.PathUnescape(r.path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot make the request").Because(err)
	}
	req.URL.Path, req.URL.RawPath = unescaped, r.path
	for k, v := range r.header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "hv/"+version.String())
	if r.body != nil {
		req.ContentLength = r.size
	}
	if r.body != nil && r.size == 0 { // a length of 0 would mean "unknown"
		req.Body = http.NoBody
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices { // the daemon redirects nobody
		defer func() { _ = resp.Body.Close() }()
		return nil, problem(resp)
	}
	return resp, nil
}

// broken says why there is no answer.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f, told := errors.AsType[*fault.Error](err); told {
		return f
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return fault.New(fault.Unavailable, "the connection to the daemon at %s broke", c.options.Address).Because(err).
		WithCode(wire.CodeCutOff).Try("look at what became of it: hv operation list")
}

// call makes the call and decodes its answer.
func call[T any](ctx context.Context, c *Client, r *request) (T, error) {
	var out T
	r.header.Set("Accept", "application/json")
	resp, err := c.send(ctx, r)
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }()
	return decode[T](ctx, c, resp)
}

func decode[T any](ctx context.Context, c *Client, resp *http.Response) (T, error) {
	var out T
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return out, c.broken(ctx, err)
	}
	if len(data) > maxAnswer {
		return out, fault.New(fault.Exhausted, "the daemon's answer has more than %d MiB", maxAnswer>>20)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fault.New(fault.Unreadable, "what %s answered is not in the words of this API", c.options.Address).Because(err).
			WithCode(wire.CodeStrangers).Try("use a client of the daemon's release: hv version")
	}
	return out, nil
}

// mutate makes a call that changes something, or with a dry run says what would.
func (c *Client) mutate(ctx context.Context, r *request, ch Change) (Result, error) {
	r.change(ch)
	if ch.DryRun {
		p, err := call[wire.Preview](ctx, c, r)
		if err != nil {
			return Result{}, err
		}
		return Result{Preview: &p}, nil
	}
	op, err := call[operation.Operation](ctx, c, r)
	if err != nil {
		return Result{}, err
	}
	return Result{Operation: &op}, nil
}
