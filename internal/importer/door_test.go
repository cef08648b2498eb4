package importer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// asFetcher is set in the test's own program when it is started as the fetcher of a test.
const asFetcher = "HV_TEST_FETCHER"

func fetchAsChild() int {
	conn, err := net.FileConn(os.Stdin)
	if err != nil {
		return 2
	}
	if err := NewFetcher().Serve(context.Background(), conn); err != nil {
		return 1
	}
	return 0
}

func TestAFetcherIsAProcessOfItsOwn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(image) }))
	defer server.Close()
	t.Setenv(asFetcher, "1")
	i, err := New(Child("/proc/self/exe"), "")
	if err != nil {
		t.Fatal(err)
	}
	d := storage.Download{URL: server.URL + "/image", Local: true, Most: model.MiB}
	if got, err := i.Text(t.Context(), d); err != nil || !bytes.Equal(got, image) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	d.Local = false
	if _, err := i.Text(t.Context(), d); fault.CodeOf(err) != "HV-IMG-013" || fault.HintOf(err) == "" {
		t.Errorf("the fetcher's refusal does not come through: %v", err)
	}
	i.door = Child("/bin/true")
	if _, err := i.Text(t.Context(), d); !fault.Retryable(err) || fault.CodeOf(err) != "HV-IMG-015" {
		t.Errorf("one that ends at once: %v", err)
	}
}

func TestAFetcherBehindASocket(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(image) }))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "fetch.sock")
	i, err := New(Socket(path), "")
	if err != nil {
		t.Fatal(err)
	}
	d := storage.Download{URL: server.URL, Local: true, Most: model.MiB}
	_, err = i.Text(t.Context(), d)
	if fault.Retryable(err) || fault.CodeOf(err) != "HV-IMG-019" || !strings.Contains(fault.HintOf(err), "systemctl start hv-fetch.socket") {
		t.Errorf("nobody listens: %v", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() { // as systemd, which starts a fetcher for each connection
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = NewFetcher().Serve(context.Background(), c)
			_ = c.Close()
		}
	}()
	if got, err := i.Text(t.Context(), d); err != nil || !bytes.Equal(got, image) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A fetcher that goes away in the middle has fetched nothing whole, whatever it has sent.
func TestAFetcherThatGoesAwayIsNoEnd(t *testing.T) {
	gone := func(said string) Door {
		return func(context.Context) (io.ReadWriteCloser, error) {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = theirs.Read(make([]byte, maxLine))
				_, _ = theirs.Write([]byte(said))
				_ = theirs.Close()
			}()
			return ours, nil
		}
	}
	for what, said := range map[string]string{
		"nothing":              "",
		"half an answer":       `{"length":`,
		"an answer alone":      `{"length":-1}` + "\n",
		"half a piece":         `{"length":-1}` + "\n\x00\x00\x00\x05abc",
		"no ending":            `{"length":-1}` + "\n\x00\x00\x00\x03abc",
		"an ending cut off":    `{"length":-1}` + "\n\x00\x00\x00\x03abc\x00\x00\x00\x00{",
		"a piece that is huge": `{"length":-1}` + "\n\xff\x00\x00\x03abc",
		"a line that is huge":  strings.Repeat("x", maxLine+10),
	} {
		i, err := New(gone(said), "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := i.Text(t.Context(), storage.Download{URL: "https://images.example.org/a", Most: model.MiB}); !fault.Retryable(err) {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
}

func TestAServerThatIsTooSlowLosesItsPlace(t *testing.T) {
	r := newRig(t)
	r.slow = 50 * time.Millisecond
	left := make(chan struct{})
	r.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer close(left)
		for {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-req.Context().Done():
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	err := r.fetch("/image", true)
	if fault.Retryable(err) || fault.CodeOf(err) != "HV-IMG-026" {
		t.Errorf("%v", err)
	}
	<-left // its connection is closed, too
}

func TestWhoHangsUpEndsTheDownload(t *testing.T) {
	r := newRig(t)
	came, left := make(chan struct{}), make(chan struct{})
	r.server.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		close(came)
		<-req.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	go func() {
		<-came
		cancel(why)
	}()
	_, err := r.Text(ctx, storage.Download{URL: r.server.URL, Local: true, Most: model.MiB})
	if !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	<-left
}

func FuzzWhatAFetcherSays(f *testing.F) {
	f.Add([]byte(`{"length":3}` + "\n\x00\x00\x00\x03abc\x00\x00\x00\x00{}\n"))
	f.Add([]byte(`{"failed":{"kind":"denied","what":"no"}}` + "\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		i, err := New(func(context.Context) (io.ReadWriteCloser, error) { return deaf{bytes.NewReader(said)}, nil }, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := i.Text(t.Context(), storage.Download{URL: "https://images.example.org/a", Most: 1000})
		if len(got) > 1000 || err != nil && len(got) > 0 {
			t.Errorf("%q", got)
		}
	})
}

// deaf is a connection over which something comes, whatever is said.
type deaf struct{ io.Reader }

func (deaf) Write(b []byte) (int, error) { return len(b), nil }
func (deaf) Close() error                { return nil }
