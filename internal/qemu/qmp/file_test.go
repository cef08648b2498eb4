package qmp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestFilesGoOneCommandAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		stream := &filePipe{ours, make(chan int, 2)}
		c := New(stream, Options{})
		defer func() { _ = c.Close() }()
		p := &peer{t, theirs, bufio.NewReader(theirs)}
		f := os.Stdin // never sent anywhere
		first := execute(t.Context(), c, Command{Name: "getfd", Files: []*os.File{f}})
		second := execute(t.Context(), c, Command{Name: "getfd", Files: []*os.File{f}})
		r := p.hear()
		synctest.Wait()
		if len(stream.sent) != 1 {
			t.Error("the second did not wait for the answer of the first: QEMU would lose a descriptor")
		}
		p.answer(r, `{}`)
		p.answer(p.hear(), `{}`)
		for _, out := range []<-chan result{first, second} {
			if r := <-out; r.err != nil {
				t.Error(r.err)
			}
		}
		if len(stream.sent) != 2 || <-stream.sent != 1 || <-stream.sent != 1 {
			t.Error("not each command had its file")
		}
	})
}

func TestAStreamWithoutFilesSaysSo(t *testing.T) {
	c, _ := ready(t, Options{})
	_, err := AddFD(t.Context(), c, os.Stdin, 1, "")
	if !errors.Is(err, fault.Precondition) {
		t.Errorf("error is %v", err)
	}
}

// clumsy is a stream that fails to send files, before or after the first byte.
type clumsy struct {
	net.Conn
	n int
}

func (c clumsy) SendFiles([]byte, []*os.File) (int, error) { return c.n, io.ErrClosedPipe }

func TestAFileThatCannotBeSentHarmsNothingElse(t *testing.T) {
	for sent, want := range map[int]error{0: nil, 5: fault.Unavailable} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			c := New(clumsy{ours, sent}, Options{})
			defer func() { _ = c.Close() }()
			p := &peer{t, theirs, bufio.NewReader(theirs)}
			if err := GetFD(t.Context(), c, os.Stdin, "x"); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("error is %v", err)
			}
			out := execute(t.Context(), c, Command{Name: "query-status"})
			if want == nil {
				p.answer(p.hear(), `{}`)
			}
			if r := <-out; want == nil && r.err != nil || want != nil && !errors.Is(r.err, want) {
				t.Errorf("after %d bytes: %v", sent, r.err)
			}
		})
	}
}
