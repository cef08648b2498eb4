package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Export saves a content that is called so, and says that it is done.
func Export(s *session.Session, what string, from io.Reader, total model.Bytes, path string, force bool) error {
	if err := save(s, from, total, path, force); err != nil {
		return err
	}
	if !s.Quiet && !s.Output.ForPrograms() {
		fmt.Fprintf(s.Out, "%s exported: %s\n", what, path)
	}
	return nil
}

// save writes total bytes into a file here, with the user's rights, and shows how far that is. Blocks of zeros become holes where
// the file can have them. One that exists is refused unless force; where it breaks off no file is left.
func save(s *session.Session, from io.Reader, total model.Bytes, path string, force bool) (err error) {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	to, err := os.OpenFile(path, how, 0o600)
	if err != nil {
		return fault.New(fault.Conflict, "cannot write %s", path).Because(err).Try("--force writes over it")
	}
	shown := NewTransfer(s, path)
	defer shown.Done()
	sink := io.Writer(to)
	info, err := to.Stat()
	regular := err == nil && info.Mode().IsRegular()
	if regular {
		sink = &holes{to: to}
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{sink}, &seen{from, func(n int64) { shown.See(model.Bytes(n), total) }, 0}, make([]byte, holeSize))
	if err == nil && total >= 0 && model.Bytes(n) != total {
		err = fault.New(fault.Unavailable, "it broke off after %d of %d bytes", n, int64(total)).Try("export it again")
	}
	if err == nil && regular {
		err = to.Truncate(n)
	}
	if err = errors.Join(err, to.Close()); err != nil && regular {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// holeSize is how much is read at once, and the least hole.
const holeSize = 64 << 10

// holes leaves out what is zeros.
type holes struct{ to *os.File }

var zeros = make([]byte, holeSize)

func (h *holes) Write(p []byte) (int, error) {
	if len(p) <= holeSize && bytes.Equal(p, zeros[:len(p)]) {
		_, err := h.to.Seek(int64(len(p)), io.SeekCurrent)
		return len(p), err
	}
	return h.to.Write(p)
}

// seen tells how much was read.
type seen struct {
	io.Reader
	tell func(int64)
	n    int64
}

func (r *seen) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	r.tell(r.n)
	return n, err
}
