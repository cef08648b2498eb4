package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// greeting begins the one line that `hv proxy` says before it passes on what the daemon says. It parts
// the daemon's words from whatever a login prints there, and carries the reason where there is no daemon.
const greeting = "hv-proxy 1 "

// maxNoise bounds what a login may print before the greeting, and the greeting itself.
const maxNoise = 64 << 10

// Greet says on w that the daemon's words follow, or the problem because of which none do.
func Greet(w io.Writer, p *wire.Problem) error {
	line, err := json.Marshal(p) // "null" where all is well
	if err != nil {
		return fault.Wrap(err, "cannot encode the greeting")
	}
	_, err = w.Write(append(append([]byte(greeting), line...), '\n'))
	return fault.Wrap(err, "cannot greet")
}

// errNoGreeting is the end of a stream on which `hv proxy` has not spoken.
var errNoGreeting = errors.New("it did not say that it is hv proxy")

// greeted reads up to the greeting and not one byte further: what follows is the daemon's. The error is
// the problem that was told, or has errNoGreeting in it.
func greeted(r io.Reader) error {
	var line []byte
	one := make([]byte, 1)
	for read := 0; read < maxNoise; read++ {
		if _, err := io.ReadFull(r, one); err != nil {
			return errors.Join(errNoGreeting, err)
		}
		if one[0] != '\n' {
			line = append(line, one[0])
			continue
		}
		if at := bytes.Index(line, []byte(greeting)); at >= 0 { // a prompt without a line's end may stand before it
			return hear(line[at+len(greeting):])
		}
		line = line[:0]
	}
	return errNoGreeting
}

// hear reads what the greeting carries.
func hear(line []byte) error {
	var p *wire.Problem
	if err := json.Unmarshal(line, &p); err != nil {
		return errors.Join(errNoGreeting, err)
	}
	if p == nil {
		return nil
	}
	return told(p.Status, *p)
}
