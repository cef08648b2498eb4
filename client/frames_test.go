package client

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestFramesAreReadAsTheStandardSays(t *testing.T) {
	f := newFrames(strings.NewReader(": hello\n\nid: 1\ndata: a\ndata:b\n\nretry: 5\nevent: e\ndata\n\nid:2\n\ndata: unfinished"))
	for _, want := range []frame{{id: "1", data: []byte("a\nb")}, {id: "2"}} {
		got, err := f.next()
		if err != nil {
			t.Fatal(err)
		}
		if got.event == "e" { // an empty event
			if got, err = f.next(); err != nil {
				t.Fatal(err)
			}
		}
		if got.id != want.id || !bytes.Equal(got.data, want.data) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if _, err := f.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	many := strings.Repeat("data: "+strings.Repeat("a", maxLine/2)+"\n", 3)
	if _, err := newFrames(strings.NewReader(many)).next(); fault.KindOf(err) != fault.Exhausted {
		t.Error(err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("id: 1.0\nevent: vm.created\ndata: {}\n\n:\nid: 2\n\n"))
	f.Add([]byte("data\ndata:\n\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := newFrames(bytes.NewReader(data))
		for n := 0; ; n++ {
			fr, err := frames.next()
			if err != nil {
				return
			}
			if n > len(data) || len(fr.data) > len(data) {
				t.Fatalf("%d frames of %d bytes", n, len(data))
			}
		}
	})
}
