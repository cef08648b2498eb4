package session

import (
	"testing"
	"time"
)

func TestDurationsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "15m": 15 * time.Minute, "7d": 7 * 24 * time.Hour, "30": 30 * time.Second, "1h30m": 90 * time.Minute} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1s", "d", "-3d", "99999999d", "soon", "1.5d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestLabelsAreKeysAndValues(t *testing.T) {
	got, err := Labels([]string{"tier=web", "empty=", "a=b=c"})
	if err != nil || got["tier"] != "web" || got["a"] != "b=c" || len(got) != 3 {
		t.Errorf("%v %v", got, err)
	}
	for _, text := range []string{"tier", "=web"} {
		if _, err := Labels([]string{text}); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
