package client

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAnAddressIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]SSH{
		"ssh://box":                          {Host: "box"},
		"ssh://box/":                         {Host: "box"},
		"ssh://ada@box.example.org:2222":     {User: "ada", Host: "box.example.org", Port: 2222},
		"ssh://ada@10.0.0.7":                 {User: "ada", Host: "10.0.0.7"},
		"ssh://[fe80::1%eth0]:22":            {Host: "fe80::1%eth0", Port: 22},
		"ssh://[::1]/run/hv/0123abcd/a.sock": {Host: "::1", Socket: "/run/hv/0123abcd/a.sock"},
	} {
		got, err := ParseSSH(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if back := got.String(); err == nil && back != strings.TrimSuffix(text, "/") {
			t.Errorf("%s comes back as %s", text, back)
		}
	}
}

// What is no address must not reach ssh, whose options begin with '-', nor a shell on the other side.
func TestWhatIsNoAddressReachesNoProgram(t *testing.T) {
	for _, text := range []string{
		"", "box", "http://box", "ssh://", "ssh:///run/a.sock", "ssh://@box", "ssh://-oProxyCommand=reboot", "ssh://-l@box",
		"ssh://ada@-oProxyCommand=reboot", "ssh://a b@box", "ssh://ada@box name", "ssh://ada@b;reboot", "ssh://ada@$(reboot)",
		"ssh://box:", "ssh://box:0", "ssh://box:65536", "ssh://box:+22", "ssh://box:2x", "ssh://::1", "ssh://[::1", "ssh://[box]", "ssh://[10.0.0.1]",
		"ssh://[::1]22", "ssh://[fe80::1%a;b]", "ssh://box\n", "ssh://box\x00", "ssh://box?x", "ssh://box#x",
		"ssh://box/run/a;reboot", "ssh://box/run/$(reboot)", "ssh://box/run/../etc/x", "ssh://box//run", "ssh://box/a b", "ssh://box/run/",
		"ssh://" + strings.Repeat("a", 300),
	} {
		if s, err := ParseSSH(text); err == nil || fault.KindOf(err) != fault.Invalid || fault.HintOf(err) == "" {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	if _, err := ParseSSH("ssh://ada:secret@box"); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "password") {
		t.Errorf("a password in an address: %v", err)
	}
}

func FuzzParseSSH(f *testing.F) {
	f.Add("ssh://ada@box:22/run/hv/a.sock")
	f.Add("ssh://[fe80::1%eth0]:22")
	f.Add("ssh://-oProxyCommand=x@-l")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSSH(text)
		if err != nil {
			return
		}
		if again, err := ParseSSH(s.String()); err != nil || again != s {
			t.Fatalf("%q is %+v and comes back as %+v, %v", text, s, again, err)
		}
		words := s.words()
		at := slices.Index(words, "--")
		for _, w := range append([]string{s.User}, words[at+1:]...) {
			if strings.HasPrefix(w, "-") || strings.ContainsAny(w, " \t\n\x00;&|<>$`'\"\\(){}*?!~#") {
				t.Fatalf("%q gives ssh the word %q", text, w)
			}
		}
	})
}

func TestTheGreetingPartsTheDaemonsWordsFromALogins(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"nothing":                 {"", "HTTP/1.1 200 OK\r\n"},
		"a message of the day":    {"Welcome!\r\n\n hv is here\n", "HTTP"},
		"a prompt without an end": {"box$ ", ""},
	} {
		var line strings.Builder
		if err := Greet(&line, nil); err != nil {
			t.Fatal(err)
		}
		r := strings.NewReader(c.before + line.String() + c.after)
		if err := greeted(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != c.after {
			t.Errorf("%s: what follows is %q", name, rest)
		}
	}
	for name, text := range map[string]string{
		"silence": "", "a shell": "sh: hv: not found\n", "noise without end": strings.Repeat("y\n", maxNoise), "half a problem": greeting + "{\n",
	} {
		if err := greeted(strings.NewReader(text)); !errors.Is(err, errNoGreeting) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheGreetingCarriesTheReasonWhereThereIsNoDaemon(t *testing.T) {
	var line strings.Builder
	told := wire.Problem{Status: http.StatusForbidden, Detail: "this user may not", Code: wire.CodeNoEntry, Remedy: "join the group"}
	if err := Greet(&line, &told); err != nil {
		t.Fatal(err)
	}
	err := greeted(strings.NewReader(line.String()))
	if fault.KindOf(err) != fault.Denied || fault.CodeOf(err) != wire.CodeNoEntry || fault.HintOf(err) != "join the group" {
		t.Errorf("%v", err)
	}
}

func FuzzGreeting(f *testing.F) {
	f.Add([]byte("hello\n" + greeting + `{"status":503,"detail":"x"}` + "\n"))
	f.Add([]byte(greeting + "null\nrest"))
	f.Fuzz(func(_ *testing.T, b []byte) { _ = greeted(strings.NewReader(string(b))) })
}
