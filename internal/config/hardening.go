package config

import (
	"regexp"
	"strconv"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// CodeUnlockDelay is the code of a delay that is none. It is stable.
const CodeUnlockDelay = "HV-DECL-013"

// HardeningSection is what is declared of the hardened phase. It is read when the host is hardened, and sealed.
type HardeningSection struct {
	UnlockDelay string `json:"unlockDelay,omitempty"` // how long an unlock is held back: "10m"
}

// The bounds of the delay; hv-helper holds to them, too.
const (
	DefaultUnlockDelay = 10 * time.Minute
	minUnlockDelay     = time.Minute
	maxUnlockDelay     = 7 * 24 * time.Hour
)

// aDelay is a number and a unit, as durations are written everywhere.
var aDelay = regexp.MustCompile(delayPattern)

const delayPattern = `^[0-9]{1,6}[smhd]$`

// Delay is how long an unlock is held back.
func (h HardeningSection) Delay() (time.Duration, error) {
	if h.UnlockDelay == "" {
		return DefaultUnlockDelay, nil
	}
	var d time.Duration
	if aDelay.MatchString(h.UnlockDelay) {
		n, _ := strconv.Atoi(h.UnlockDelay[:len(h.UnlockDelay)-1]) // at most six digits
		d = time.Duration(n) * map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[h.UnlockDelay[len(h.UnlockDelay)-1]]
	}
	var wrong string
	switch {
	case !aDelay.MatchString(h.UnlockDelay):
		wrong = "is no duration: a whole number and s, m, h or d, in one word"
	case d < minUnlockDelay:
		wrong = "is too short: an unlock is held back for at least 1m, so that it can be seen and called off"
	case d > maxUnlockDelay:
		wrong = "is too long: an unlock is held back for at most 7d"
	default:
		return d, nil
	}
	return 0, fault.New(fault.Invalid, "hypervisor.hardening.unlockDelay: %.40q %s", h.UnlockDelay, wrong).
		Try(`set hypervisor.hardening.unlockDelay = "10m", or another time from 1m to 7d`).WithCode(CodeUnlockDelay)
}

func checkHardening(h HardeningSection) finding.List {
	_, err := h.Delay()
	if err == nil {
		return nil
	}
	return finding.List{{
		Code: CodeUnlockDelay, Severity: finding.Refused, Subject: []string{"host"}, Path: "hypervisor.hardening.unlockDelay",
		What: err.Error(), Remedy: fault.HintOf(err),
		Ways: []finding.Way{{{Op: finding.Set, Path: "hypervisor.hardening.unlockDelay", Value: "10m"}}},
	}}
}
