package importer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// How long is waited for what, and how often a download that broke off is taken up again.
const (
	stall    = 90 * time.Second // without a byte
	maxTries = 6                // in a row without a byte more
	// Of what comes more slowly nobody waits for the end: there are few places for downloads, and a server that sends a byte
	// a minute would hold one for ever.
	slowFor = 5 * time.Minute
	slowest = 5 * model.MiB // in that time
)

// Importer fetches: it asks a fetcher for what is missing, keeps it, and holds it against sums and signatures.
type Importer struct {
	door   Door
	mirror *url.URL
	wait   func(context.Context, int) error // before the n-th try
	slow   time.Duration
	lists  lists
	// Keyrings are files and folders with OpenPGP keys by which files of sums may be signed.
	Keyrings []string
}

// New returns an importer whose fetchers are behind a door. mirror, unless empty, stands before every host of the
// catalogue: a URL https://HOST/PATH becomes MIRROR/HOST/PATH.
func New(door Door, mirror string) (*Importer, error) {
	i := &Importer{door: door, wait: backoff, slow: slowFor, Keyrings: []string{"/etc/hyper-nixos/image-keys", "/usr/share/keyrings"}}
	if mirror != "" {
		u, err := url.Parse(mirror)
		if err != nil || u.Host == "" {
			return nil, fault.New(fault.Invalid, "the mirror of images %.200q is no URL", mirror)
		}
		i.mirror = u
	}
	return i, nil
}

// Mirrored is a URL of the catalogue as it is fetched here.
func (i *Importer) Mirrored(text string) string {
	u, err := url.Parse(text)
	if i.mirror == nil || err != nil || u.Host == "" {
		return text
	}
	return i.mirror.JoinPath(u.Host, u.Path).String()
}

func backoff(ctx context.Context, n int) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Second << min(n-1, 5)):
		return nil
	}
}

// mark is by what a server says that a file is still the same: If-Range takes one of both (RFC 9110, section 13.1.5).
type mark struct {
	URL   string `json:"url"`
	Mark  string `json:"mark"`
	Total int64  `json:"total"`
}

// Fetch downloads into a file, and goes on where it stopped when it is called again with the same file and note. The
// note is a file of its own, in which stands what was begun. tell hears how much is there of how much; 0 of unknown.
func (i *Importer) Fetch(ctx context.Context, d storage.Download, into, note *os.File, tell func(done, total model.Bytes)) error {
	for try := 0; ; {
		before, err := into.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		err = i.once(ctx, d, into, note, tell)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fault.New(fault.Unavailable, "the download was stopped").Because(context.Cause(ctx))
		}
		if !fault.Retryable(err) {
			return err
		}
		if after, _ := into.Seek(0, io.SeekEnd); after > before {
			try = 0
		}
		if try++; try > maxTries {
			return fault.Wrap(err, "given up after %d tries", try)
		}
		if err := i.wait(ctx, try); err != nil {
			return fault.New(fault.Unavailable, "the download was stopped").Because(err)
		}
	}
}

// once asks for what is missing, and writes it behind what is there.
func (i *Importer) once(ctx context.Context, d storage.Download, into, note *os.File, tell func(done, total model.Bytes)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	have, err := into.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	m := readMark(note)
	if m.URL != d.URL || m.Mark == "" || m.Total == 0 {
		have = 0
	}
	if have > 0 && have == m.Total {
		tell(model.Bytes(have), model.Bytes(have))
		return nil
	}
	res, body, err := i.call(ctx, request{URL: d.URL, Insecure: d.Insecure, Local: d.Local, From: have, Mark: m.Mark})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if res.From != have { // from the beginning: it is new to us, or not what it was
		have = 0
	}
	total := have + res.Length
	if res.Length < 0 {
		total = 0
	}
	if model.Bytes(total) > d.Most {
		return fault.New(fault.Exhausted, "%s are more than %s, the most that is fetched", model.Bytes(total), d.Most).WithCode("HV-IMG-014")
	}
	if err := into.Truncate(have); err != nil {
		return err
	}
	if err := writeMark(note, mark{d.URL, res.Mark, total}); err != nil {
		return err
	}
	if _, err := into.Seek(have, io.SeekStart); err != nil {
		return err
	}
	idle := time.AfterFunc(stall, func() { stop(fault.New(fault.Unavailable, "nothing came for %s", stall)) })
	defer idle.Stop()
	pace := i.pace(have, stop)
	defer pace.end()
	w := &counting{w: into, done: have, tell: func(n int64) {
		idle.Reset(stall)
		pace.done.Store(n)
		tell(model.Bytes(n), model.Bytes(total))
	}}
	_, err = io.Copy(w, io.LimitReader(body, int64(d.Most)-have+1))
	switch {
	case w.failed != nil:
		return w.failed
	case errors.Is(context.Cause(ctx), tooSlow):
		return tooSlow
	case err != nil:
		return fault.New(fault.Unavailable, "the download broke off after %d bytes", w.done).Because(errors.Join(err, context.Cause(ctx)))
	case w.done > int64(d.Most):
		return fault.New(fault.Exhausted, "it is more than %s, the most that is fetched", d.Most).WithCode("HV-IMG-014")
	case total > 0 && w.done < total:
		return fault.New(fault.Unavailable, "the download broke off after %d of %d bytes", w.done, total)
	}
	return nil
}

func readMark(f *os.File) mark {
	var m mark
	if f == nil {
		return m
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return m
	}
	if json.NewDecoder(io.LimitReader(f, 8<<10)).Decode(&m) != nil {
		return mark{}
	}
	return m
}

func writeMark(f *os.File, m mark) error {
	if f == nil {
		return nil
	}
	text, err := json.Marshal(m)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	return err
}

// counting tells how much was written, and which error was the disk's.
type counting struct {
	w      io.Writer
	done   int64
	failed error
	tell   func(int64)
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	c.failed = err
	c.tell(c.done)
	return n, err
}

// Text fetches a small file whole.
func (i *Importer) Text(ctx context.Context, d storage.Download) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	_, body, err := i.call(ctx, request{URL: d.URL, Insecure: d.Insecure, Local: d.Local})
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, int64(d.Most)+1))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the download of %s broke off", d.URL).Because(err)
	}
	if len(text) > int(d.Most) {
		return nil, fault.New(fault.Exhausted, "%s is more than %s", d.URL, d.Most).WithCode("HV-IMG-014")
	}
	return text, nil
}
