package rest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// handler is the way of every request: its ID, its line in the log, its panics, its caller, its route.
func (s *server) handler() http.Handler {
	return s.logged(s.recovered(s.identified(http.HandlerFunc(s.route))))
}

var goodID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// logged gives a request its ID, the caller's own where it has one, and writes what became of it.
func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := r.Header.Get("X-Request-Id")
		if !goodID.MatchString(id) {
			id = newID()
		}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, id))
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		rec := &recorder{ResponseWriter: w}
		next.ServeHTTP(rec, r)
		uid, known := r.Context().Value(peerKey{}).(uint32)
		attrs := []slog.Attr{
			slog.String("request", id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Int("status", rec.seen()), slog.Duration("took", time.Since(began)),
		}
		if known {
			attrs = append(attrs, slog.Uint64("uid", uint64(uid)))
		}
		s.Log.LogAttrs(r.Context(), level(r.Method, rec.seen()), "api", attrs...)
	})
}

// level keeps what was only looked at out of a log that is not asked for details.
func level(method string, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case method == http.MethodGet || method == http.MethodHead:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// recovered answers a panic with a problem where nothing was answered yet. The daemon goes on: a
// request that breaks must not take everybody's VMs out of its hands.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			switch p {
			case nil:
				return
			case http.ErrAbortHandler:
				panic(p)
			}
			s.Log.Error("panic", "request", requestID(r.Context()), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler) // half an answer must not look like a whole one
			}
			s.fail(w, r, fault.New(fault.Internal, "panic"))
		}()
		next.ServeHTTP(w, r)
	})
}

// recorder remembers the status that was written.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

func (r *recorder) seen() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// Unwrap lets http.ResponseController reach what the connection can do.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// route finds the route. A path that is not clean is no path of ours: nothing is redirected.
func (s *server) route(w http.ResponseWriter, r *http.Request) {
	p := r.URL.Path
	if !strings.HasPrefix(p, "/") || r.RequestURI == "*" || path.Clean(p) != p || r.Method == http.MethodConnect {
		s.nowhere(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// nowhere answers what has no route: whether the path is unknown, or only the method there.
func (s *server) nowhere(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range methods {
		other := r.Clone(r.Context())
		other.Method = m
		if _, pattern := s.mux.Handler(other); pattern != "" && pattern != "/" && path.Clean(r.URL.Path) == r.URL.Path {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		s.fail(w, r, fault.New(fault.NotFound, "there is no path %.200q in this API", r.URL.Path).WithCode(wire.CodeNoRoute).
			Try("GET /v1/openapi.json lists them"))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.fail(w, r, statused(http.StatusMethodNotAllowed, fault.New(fault.NotFound, "%.20s is no method of %.200q", r.Method, r.URL.Path).
		WithCode(wire.CodeNoRoute).Try("use %s", strings.Join(allowed, " or "))))
}
