// Package rest is the API over HTTP: it decodes requests, says who is calling, and encodes answers.
//
// What lives here: routes, one for each row of the action table and no other; problems (RFC 9457);
// streams of events; the door to consoles, logs and imports; serving a unix socket whose peers are
// known by their credentials. What does not: whether something may be done and what it means
// (action), what is shown (view), the words themselves (wire, model).
package rest

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
)

// Bounds of requests. Imports are bounded by what they say they bring and by the action.
const (
	maxBody    = 1 << 20  // of JSON
	maxHeader  = 32 << 10 // of all headers together
	maxStreams = 1024     // event streams, consoles and followed logs at one time
)

// Times. None of them ends what makes progress.
const (
	keepAlive   = 15 * time.Second // between comments on a stream where nothing happens
	stall       = time.Minute      // a peer that neither reads nor writes for that long is gone
	readHeaders = 10 * time.Second
	idle        = 2 * time.Minute // of a connection without a request
	drain       = 5 * time.Second // what is under way gets that long when the daemon goes down
	catchUp     = 10 * time.Second
)

// Config is what an API is made of.
type Config struct {
	Actions Actions
	View    View
	Console Console
	Screens Screens
	Guests  Guests
	Images  Images
	Volumes Volumes
	Sources Sources
	Logs    Logs
	Version string // of the daemon
	Log     *slog.Logger
}

// server is the API of one daemon.
type server struct {
	Config
	mux    *http.ServeMux
	api    huma.API
	schema huma.Registry
	rows   []action.Row // that have a route
	places chan struct{}

	keepAlive time.Duration
}

// New returns the API. It answers only those whom Serve, or a context made by it, has identified.
func New(c Config) http.Handler { return newServer(c).handler() }

func newServer(c Config) *server {
	s := &server{Config: c, mux: http.NewServeMux(), schema: newSchemas(), places: make(chan struct{}, maxStreams), keepAlive: keepAlive}
	s.api = humago.New(s.mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Hyper-NixOS",
				Version:     "v1",
				Description: "Within v1 fields are added, never renamed or removed. Served on a unix socket; who calls is known by the peer's credentials.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{Schemas: s.schema},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{s.told},
	})
	s.routeVMs()
	s.routeConsole()
	s.routeScreen()
	s.routeGuest()
	s.routeUsage()
	s.routeVolumes()
	s.routeVolumeChanges()
	s.routeVolumeContent()
	s.routeVolumeTrash()
	s.routeSnapshots()
	s.routeBootFiles()
	s.routePools()
	s.routeShares()
	s.routeKeys()
	s.routeKeyslots()
	s.routeImages()
	s.routeImageSources()
	s.routeEnvironments()
	s.routeOperations()
	s.routeHost()
	s.routePhase()
	s.routeConfig()
	s.routeEvents()
	s.routeDescription()
	s.opened()
	s.mux.HandleFunc("/", s.nowhere)
	return s
}
