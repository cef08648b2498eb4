// Package client speaks to a daemon: one method per action of its API, errors as they were raised.
//
// What lives here: requests, the reading of problems, streams that come back after a break. What
// does not: which socket to speak to and how to print what came (cli), and the bodies (wire, model).
//
// Every method that changes something takes a Change and answers a Result. Every error is told as
// package fault tells one: fault.KindOf, fault.HintOf and fault.CodeOf read it, and
// errors.AsType[finding.Refusal] finds what speaks against a change.
package client

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// DefaultPatience is how long streams try to come back after a break.
const DefaultPatience = 30 * time.Second

// Options say how a daemon is reached.
type Options struct {
	// Dial opens a connection to the daemon: a unix socket, or the stdin and stdout of a program
	// that stands before one. It is called whenever one more connection is needed. Its errors are
	// told as they are where they are faults, and as "no daemon" otherwise.
	Dial func(ctx context.Context) (net.Conn, error)
	// Address is what errors call the other end: "/run/hv/api.sock".
	Address string
	// Patience is how long Events and WaitOperation try to come back when the daemon is gone;
	// DefaultPatience when 0.
	Patience time.Duration
	// Hangup, where there is one, is called by Close: what Dial has begun ends there.
	Hangup func()
}

// Client speaks to one daemon. It may be used by many goroutines at once.
type Client struct {
	options   Options
	transport *http.Transport
	http      *http.Client
}

// New returns a client of the daemon that o says.
func New(o Options) *Client {
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	c := &Client{options: o}
	c.transport = &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		MaxIdleConns:          16,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       30 * time.Second,
		ExpectContinueTimeout: time.Minute, // the daemon may ask the store first; see importContent
		DisableCompression:    true,
	}
	c.http = &http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c
}

// Close lets go of idle connections. Streams that are open stay open, save over SSH.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	if c.options.Hangup != nil {
		c.options.Hangup()
	}
}

// Change is how a change is asked for. The zero value asks for it plainly.
type Change struct {
	DryRun bool // answer what would be done, and do nothing
	// IdempotencyKey makes a repeated call answer what the first one did: at most 128 bytes, random.
	IdempotencyKey string
	// IfMatch is the revision (Metadata.Revision) that the object must still have; 0 for any.
	IfMatch int64
}

// Result is what a change answers: an operation, or after a dry run what would be done.
type Result struct {
	Operation *operation.Operation
	Preview   *wire.Preview
}

// ListOptions say which part of a list is wanted.
type ListOptions struct {
	Limit    int    // items in one page; 0 lets the daemon choose. An iterator goes on to the next page
	Cursor   string // Next of the page before
	Selector string // labels: "tier=web,env!=test,beta"
	Filter   string // text that the name contains
}

// Page is one page of a list.
type Page[T any] struct {
	Items    []T
	Next     string // cursor of the next page; empty on the last
	Revision int64  // the list was true at; follow changes from the next one on
	Total    int    // items that match, on all pages
}

func (o ListOptions) query() query {
	q := query{}
	q.number("limit", int64(o.Limit))
	q.text("cursor", o.Cursor)
	q.text("selector", o.Selector)
	q.text("filter", o.Filter)
	return q
}

// query is a request's query; what is empty is left out.
type query map[string]string

func (q query) text(name, value string) {
	if value != "" {
		q[name] = value
	}
}

func (q query) number(name string, value int64) {
	if value != 0 {
		q[name] = strconv.FormatInt(value, 10)
	}
}

func (q query) flag(name string, value bool) {
	if value {
		q[name] = "true"
	}
}

func inProject(r model.Ref) model.Ref {
	r.Project = projectOr(r.Project)
	return r
}

func projectOr(project string) string {
	if project == "" {
		return model.DefaultProject
	}
	return project
}
