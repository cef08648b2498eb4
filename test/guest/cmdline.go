package guest

import (
	"fmt"
	"regexp"
	"strconv"
)

var cpuMHz = regexp.MustCompile(`(?m)^cpu MHz\s*:\s*([0-9.]+)`)

// CommandLine is the kernel command line for the guest under emulation on a host with this /proc/cpuinfo.
// The frequency (kHz) is told, because a busy host makes the guest's own calibration of its clock fail, and
// the guest hang. It is the host's, so the line belongs to one machine.
func CommandLine(cpuinfo []byte) string {
	line := "console=ttyS0 quiet panic=-1 mitigations=off"
	m := cpuMHz.FindSubmatch(cpuinfo)
	if m == nil {
		return line
	}
	mhz, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil || mhz < 1 {
		return line
	}
	return fmt.Sprintf("%s tsc_early_khz=%d", line, int(mhz*1000))
}
