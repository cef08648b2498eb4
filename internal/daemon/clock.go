//go:build linux

package daemon

import (
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// clock is a time that nobody can set: that of the wall when the first daemon of this boot began, and what the
// kernel has counted since. Deadlines that are written down are held against it by the next daemon too.
type clock struct {
	Boot string    `json:"boot"` // the boot's ID
	Zero time.Time `json:"zero"` // when the kernel's count was zero
}

// openClock reads the clock of this boot from a file, or begins one. Where that cannot be written it is the
// daemon's own.
func openClock(path string, log *slog.Logger) (clock, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return clock{}, fault.New(fault.Unavailable, "cannot find out which boot this is").Because(err)
	}
	c := clock{Boot: strings.TrimSpace(string(id))}
	var last clock
	data, err := os.ReadFile(path) // #nosec G304 -- in the state folder
	if err == nil && json.Unmarshal(data, &last) == nil && last.Boot == c.Boot {
		return last, nil
	}
	c.Zero = now().Add(-counted())
	if data, err = json.Marshal(c); err == nil {
		err = os.WriteFile(path+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		log.Warn("time since this boot is not kept over a restart", "err", err)
	}
	return c, nil
}

func (c clock) now() time.Time { return c.Zero.Add(counted()) }

// counted is what the kernel has counted since the boot, without the time for which the host was suspended, as
// its guests were.
func counted() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // this clock is always there
	return time.Duration(ts.Nano())
}
