package importer

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// What is said between hvd and a fetcher, on a connection of its own for each download: a request, one line of JSON; an
// answer, one line of JSON; and what was fetched, in pieces. Each piece has its length before it, four bytes, big
// endian; one of length 0 is the end, and behind it stands how it ended, one line of JSON. A connection that ends
// without is a download that broke off, never a file that is shorter.

// Bounds of what is said.
const (
	maxLine  = 64 << 10
	maxPiece = 1 << 20
)

// request is what is to be fetched.
type request struct {
	URL      string `json:"url"`
	Insecure bool   `json:"insecure,omitempty"`
	Local    bool   `json:"local,omitempty"`
	From     int64  `json:"from,omitempty"` // what is there already
	Mark     string `json:"mark,omitempty"` // of what it is
}

// answer is what a server said.
type answer struct {
	Failed *privilege.Failure `json:"failed,omitempty"`
	From   int64              `json:"from,omitempty"` // where what follows begins
	Length int64              `json:"length"`         // how much follows; -1 where the server does not say
	Mark   string             `json:"mark,omitempty"`
}

// ending is how the pieces ended.
type ending struct {
	Failed *privilege.Failure `json:"failed,omitempty"`
}

func writeLine(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// readLine reads one line of JSON, of maxLine bytes at most.
func readLine(r *bufio.Reader, v any) error {
	var line []byte
	for len(line) <= maxLine {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			return json.Unmarshal(line, v)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
	return fault.New(fault.Invalid, "a line is longer than %d bytes", maxLine)
}

// pieces writes what comes as pieces.
type pieces struct{ w io.Writer }

func (p pieces) Write(b []byte) (int, error) {
	done := 0
	for len(b) > 0 {
		n := min(len(b), maxPiece)
		var head [4]byte
		binary.BigEndian.PutUint32(head[:], uint32(n)) // #nosec G115 -- maxPiece at most
		if _, err := p.w.Write(head[:]); err != nil {
			return done, err
		}
		m, err := p.w.Write(b[:n])
		if done += m; err != nil {
			return done, err
		}
		b = b[n:]
	}
	return done, nil
}

func (p pieces) end(why error) error {
	if _, err := p.w.Write(make([]byte, 4)); err != nil {
		return err
	}
	return writeLine(p.w, ending{Failed: privilege.FailureOf(why)})
}

// whole reads pieces back: io.EOF comes after an ending that says that nothing failed.
type whole struct {
	r     *bufio.Reader
	left  int
	ended error
}

func (w *whole) Read(b []byte) (int, error) {
	if w.ended != nil {
		return 0, w.ended
	}
	if w.left == 0 {
		var head [4]byte
		if _, err := io.ReadFull(w.r, head[:]); err != nil {
			return 0, w.broke(err)
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > maxPiece {
			return 0, w.broke(fault.New(fault.Internal, "a piece of %d bytes", n))
		}
		if w.left = int(n); n == 0 {
			return 0, w.end()
		}
	}
	n, err := w.r.Read(b[:min(len(b), w.left)])
	if w.left -= n; err != nil {
		err = w.broke(err)
	}
	return n, err
}

func (w *whole) end() error {
	var e ending
	if err := readLine(w.r, &e); err != nil {
		return w.broke(err)
	}
	if w.ended = io.EOF; e.Failed != nil {
		w.ended = e.Failed.Err()
	}
	return w.ended
}

func (w *whole) broke(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	w.ended = fault.New(fault.Unavailable, "the fetcher went away").Because(err)
	return w.ended
}
