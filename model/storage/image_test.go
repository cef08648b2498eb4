package storage

import (
	"net/url"
	"testing"
)

func TestOnlyThisHostIsThisHost(t *testing.T) {
	for text, want := range map[string]bool{
		"http://localhost/d": true, "http://127.0.0.1:8080/d": true, "http://127.9.9.9/d": true, "http://[::1]/d": true, "http://[::ffff:127.0.0.1]/d": true,
		"http://127.0.0.1.example.org/d": false, "http://127.example.org/d": false, "http://localhost.example.org/d": false, "http://10.0.0.8/d": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Loopback(u); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
