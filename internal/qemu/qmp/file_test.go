package qmp

import (
	"bufio"
	"errors"
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
