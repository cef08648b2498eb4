package qmp

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxDepth is how deep a message may nest. QEMU's own deepest answer (query-named-block-nodes with
// a long backing chain) nests two levels a layer.
const maxDepth = 1024

// decoder cuts a stream into JSON objects. It does not trust line ends (a monitor may be "pretty")
// and never holds more than max bytes.
type decoder struct {
	r   *bufio.Reader
	max int
	buf []byte
}

// idle is what a decoder holds while nothing comes: there is one for each VM that runs. An event and
// most answers fit; the few that are larger cost a read for each piece.
const idle = 1 << 10

func newDecoder(r io.Reader, limit int) *decoder {
	return &decoder{r: bufio.NewReaderSize(r, idle), max: limit}
}

// next returns the bytes of one object, valid until the next call. A clean end between two objects
// is io.EOF, an end inside one io.ErrUnexpectedEOF.
func (d *decoder) next() ([]byte, error) {
	if cap(d.buf) > 4*idle {
		d.buf = nil // of an answer that is rarely asked for
	}
	d.buf = d.buf[:0]
	if err := d.open(); err != nil {
		return nil, err
	}
	var scan nesting
	for {
		b, err := d.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("half a message (%d bytes): %w", len(d.buf), io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, err
		}
		if len(d.buf) >= d.max {
			return nil, fmt.Errorf("a message of more than %d bytes", d.max)
		}
		d.buf = append(d.buf, b)
		if over, err := scan.step(b); over || err != nil {
			return d.buf, err
		}
	}
}

// open skips white space up to the first byte of an object and leaves that byte unread.
func (d *decoder) open() error {
	for {
		b, err := d.r.ReadByte()
		if err != nil {
			return err
		}
		switch b {
		case ' ', '\t', '\r', '\n':
		case '{':
			return d.r.UnreadByte()
		default:
			return fmt.Errorf("byte %q where a message should begin", b)
		}
	}
}

// nesting finds the end of an object, byte by byte.
type nesting struct {
	depth             int
	inString, escaped bool
}

func (n *nesting) step(b byte) (over bool, err error) {
	switch {
	case n.escaped:
		n.escaped = false
	case n.inString:
		n.escaped = b == '\\'
		n.inString = b != '"'
	case b == '"':
		n.inString = true
	case b == '{' || b == '[':
		if n.depth++; n.depth > maxDepth {
			return false, fmt.Errorf("a message nested more than %d deep", maxDepth)
		}
	case b == '}' || b == ']':
		n.depth--
	}
	return n.depth == 0, nil
}

// maxWords bounds each text of QEMU's that goes on to people: into statuses, logs, terminals.
const maxWords = 2 << 10

// plain is a text of QEMU's as people may see it: one whose guest has taken it over says what it likes.
func plain(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), maxWords)], "")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}

// message is anything QEMU sends. Exactly one of greeting, answer (Return or Error) and event.
type message struct {
	QMP       *Greeting       `json:"QMP"`
	Return    json.RawMessage `json:"return"`
	Error     *Error          `json:"error"`
	ID        json.RawMessage `json:"id"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	Timestamp timestamp       `json:"timestamp"`
}

// timestamp is QEMU's wall clock; seconds are -1 where it could not tell.
type timestamp struct {
	Seconds      int64 `json:"seconds"`
	Microseconds int64 `json:"microseconds"`
}

func (t timestamp) time() time.Time {
	if t.Seconds < 0 {
		return time.Time{}
	}
	return time.Unix(t.Seconds, t.Microseconds*1000)
}

// decode reads the next message. The result shares no memory with the decoder.
func (d *decoder) decode() (message, error) {
	var m message
	raw, err := d.next()
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("not a message: %s", plain(err.Error())) // it may quote what it read
	}
	if m.Error != nil {
		m.Error.Class, m.Error.Desc = plain(m.Error.Class), plain(m.Error.Desc)
	}
	if m.QMP == nil && m.Return == nil && m.Error == nil && m.Event == "" {
		return m, fmt.Errorf("neither greeting, answer nor event: %.80q", raw)
	}
	return m, nil
}
