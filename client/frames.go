package client

import (
	"bufio"
	"bytes"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// frame is one event of a stream as the HTML standard defines them (server-sent events, 9.2.6).
type frame struct {
	id, event string
	data      []byte
}

// frames reads a stream of events.
type frames struct{ lines *bufio.Scanner }

// maxLine bounds one line of a stream: one event.
const maxLine = 4 << 20

func newFrames(r io.Reader) *frames {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 8<<10), maxLine)
	return &frames{lines: s}
}

// next returns the next frame that has data or an ID; io.ErrUnexpectedEOF when the stream is over.
func (f *frames) next() (frame, error) {
	var out frame
	for f.lines.Scan() {
		line := f.lines.Bytes()
		if len(line) == 0 {
			if out.data != nil || out.id != "" {
				return out, nil
			}
			out = frame{}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":")) // a comment is a field without a name
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			out.id = string(value)
		case "event":
			out.event = string(value)
		case "data":
			if len(out.data)+len(value) > maxLine {
				return frame{}, fault.New(fault.Exhausted, "an event has more than %d MiB", maxLine>>20)
			}
			if out.data != nil {
				out.data = append(out.data, '\n')
			}
			out.data = append(out.data, value...)
		}
	}
	if err := f.lines.Err(); err != nil {
		return frame{}, err
	}
	return frame{}, io.ErrUnexpectedEOF
}
