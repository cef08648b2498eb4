//go:build linux

package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
)

// FuzzRequest sends requests of any shape: the handler never panics, and whatever is refused comes
// as a problem.
func FuzzRequest(f *testing.F) {
	for _, row := range action.Table() {
		path := strings.NewReplacer("{project}", "default", "{name}", "web", "{id}", "ab", "{log}", "serial").Replace(row.Path())
		f.Add(row.Method(), path+"?dryRun=true", "application/json", "", []byte(`{"name":"web","memory":"1GiB","size":512}`))
		f.Add(row.Method(), path, "application/merge-patch+json", "If-Match: \"1\"\nIdempotency-Key: k", []byte(`{"version":1,"value":{}}`))
	}
	f.Add("GET", "/v1/events?from=1&types=a,b", "", "Last-Event-ID: 1.0\nAccept: text/event-stream", []byte{})
	f.Add("GET", "/v1/projects/default/vms/web/console", "", "Connection: Upgrade\nUpgrade: hv-console", []byte{})
	f.Add("PUT", "/v1/projects/default/volumes/web/content?format=qcow2&labels=a=b,c", "", "", []byte("QFI\xfb"))
	f.Add("OPTIONS", "*", "", "", []byte{})
	h := newHouse(f, 0)
	handler := h.server.handler()
	f.Fuzz(func(t *testing.T, method, target, contentType, headers string, body []byte) {
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: x\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		if req.URL, err = req.URL.Parse(target); err != nil || len(method) > 100 {
			return // net/http answers those itself
		}
		req.Method, req.RequestURI = method, target
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		req.Header.Set("Content-Type", contentType)
		for line := range strings.SplitSeq(headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				req.Header.Set(name, value)
			}
		}
		ctx, cancel := context.WithTimeout(withPeer(t.Context(), 0), 50*time.Millisecond) // streams end with it
		defer cancel()
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, req.WithContext(ctx))
		if rec.Code < 300 {
			return
		}
		var p struct{ Status int }
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || p.Status != rec.Code || rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %v %s", method, target, rec.Code, rec.Header(), rec.Body)
		}
		if strings.Contains(h.words.String(), "msg=panic") {
			t.Fatal(h.words.String())
		}
		h.words.Reset()
	})
}
