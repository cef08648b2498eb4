//go:build linux

package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEveryDaemonOfABootHasTheSameSteadyTime(t *testing.T) {
	log, path := slog.New(slog.DiscardHandler), filepath.Join(t.TempDir(), "clock")
	first, err := openClock(path, log)
	if err != nil {
		t.Fatal(err)
	}
	if next, err := openClock(path, log); err != nil || !next.Zero.Equal(first.Zero) || next.now().Before(first.now().Add(-time.Minute)) {
		t.Errorf("the next has %+v, the first %+v; %v", next, first, err)
	}
	for name, was := range map[string]string{"another boot": `{"boot":"x","zero":"2001-01-01T00:00:00Z"}`, "nonsense": `{`} {
		if err := os.WriteFile(path, []byte(was), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := openClock(path, log); err != nil || c.Zero.Sub(first.Zero).Abs() > time.Hour {
			t.Errorf("after %s: %+v, %v", name, c, err)
		}
	}
	if c, err := openClock(filepath.Join(path, "no", "folder"), log); err != nil || c.Zero.IsZero() {
		t.Errorf("where it cannot be kept: %+v, %v", c, err)
	}
}
