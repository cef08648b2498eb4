package qmp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestMessagesAreCutFromAStream(t *testing.T) {
	deep := func(n int) string {
		return `{"event":"X","data":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	for name, c := range map[string]struct {
		stream string
		want   []string // of each message: what it is
		end    string   // part of the error; "EOF" for a clean end
	}{
		"nothing":                  {"", nil, "EOF"},
		"blank lines":              {"\r\n \t\n", nil, "EOF"},
		"greeting, answer, event":  {greets + "\r\n" + `{"return":{},"id":"a-1"}` + "\r\n" + `{"event":"STOP","timestamp":{"seconds":1,"microseconds":2}}`, []string{"greeting", "answer", "STOP"}, "EOF"},
		"no line ends":             {`{"event":"A"}{"event":"B"}`, []string{"A", "B"}, "EOF"},
		"pretty":                   {"{\n  \"event\": \"A\",\n  \"data\": {\n  }\n}\n", []string{"A"}, "EOF"},
		"brackets in strings":      {`{"event":"A","data":{"x":"}]\"}\\"}}{"event":"B"}`, []string{"A", "B"}, "EOF"},
		"an error":                 {`{"error":{"class":"GenericError","desc":"no"},"id":"a"}`, []string{"error"}, "EOF"},
		"an answer that is null":   {`{"return":null,"id":"a"}`, []string{"answer"}, "EOF"},
		"half a message":           {`{"event":"A"}{"event":`, []string{"A"}, "half a message (9 bytes)"},
		"garbage":                  {`{"event":"A"}hello`, []string{"A"}, `byte 'h' where a message should begin`},
		"an array":                 {`[]`, nil, `byte '[' where`},
		"brackets that do not fit": {`{]`, nil, "not a message"},
		"an object of no kind":     {`{"hello":1}`, nil, "neither greeting, answer nor event"},
		"an event that is none":    {`{"event":7}`, nil, "not a message"},
		"as deep as may be":        {deep(maxDepth), []string{"X"}, "EOF"},
		"deeper":                   {deep(maxDepth + 1), nil, "nested more than 1024 deep"},
		"as long as may be":        {`{"event":"` + strings.Repeat("x", 4096-12) + `"}`, []string{strings.Repeat("x", 4096-12)}, "EOF"},
		"longer":                   {`{"event":"` + strings.Repeat("x", 4096-11) + `"}`, nil, "more than 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.stream), iotest.OneByteReader(strings.NewReader(c.stream))} {
				var got []string
				d := newDecoder(r, 4096)
				m, err := d.decode()
				for ; err == nil; m, err = d.decode() {
					got = append(got, describe(m))
				}
				if strings.Join(got, " ") != strings.Join(c.want, " ") {
					t.Errorf("got %.200q, want %.200q", got, c.want)
				}
				if !strings.Contains(err.Error(), c.end) || (c.end == "EOF") != errors.Is(err, io.EOF) {
					t.Errorf("ended with %v, want %s", err, c.end)
				}
			}
		})
	}
}

func describe(m message) string {
	switch {
	case m.QMP != nil:
		return "greeting"
	case m.Return != nil:
		return "answer"
	case m.Error != nil:
		return "error"
	}
	return m.Event
}

func TestTheTimeOfAnEvent(t *testing.T) {
	if got := (timestamp{Seconds: 1, Microseconds: 2}).time(); !got.Equal(time.Unix(1, 2000)) {
		t.Error(got)
	}
	if got := (timestamp{Seconds: -1, Microseconds: -1}).time(); !got.IsZero() {
		t.Error("a clock that QEMU could not read gave", got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		greets, `{"return":{},"id":"a"}`, `{"event":"STOP","timestamp":{"seconds":1,"microseconds":2}}`,
		`{"error":{"class":"GenericError","desc":"x"}}`, `{"return":[[[{"a":"\u00e9\\\""}]]]}` + "\n" + `{"event":"X"}`, `{`, `}`, "\xff",
	} {
		f.Add([]byte(s))
	}
	const limit = 1 << 10
	f.Fuzz(func(t *testing.T, stream []byte) {
		d := newDecoder(bytes.NewReader(stream), limit)
		for total := 0; ; {
			raw, err := d.next()
			if len(raw) > limit {
				t.Fatalf("a message of %d bytes passed", len(raw))
			}
			if err != nil {
				break
			}
			if total += len(raw); total > len(stream) {
				t.Fatal("more came out than went in")
			}
		}
		d = newDecoder(bytes.NewReader(stream), limit)
		for {
			m, err := d.decode()
			if err != nil {
				return
			}
			if m.QMP == nil && m.Return == nil && m.Error == nil && m.Event == "" {
				t.Fatal("an empty message passed")
			}
		}
	})
}
