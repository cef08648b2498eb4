//go:build e2e

package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// BenchmarkTheCommandAlone starts hv and virsh in turns, for nothing but their version.
func BenchmarkTheCommandAlone(b *testing.B) {
	bin, err := onehost.Programs()
	must(b, err)
	var hv, virsh []time.Duration
	for b.Loop() {
		for range 50 {
			hv = append(hv, timed(b, filepath.Join(bin, "hv"), "--version"))
			if _, err := exec.LookPath("virsh"); err == nil {
				virsh = append(virsh, timed(b, "virsh", "--version"))
			}
		}
	}
	b.ReportMetric(ms(median(hv)), "hv-ms")
	other := "virsh is not installed"
	if len(virsh) > 0 {
		other = fmt.Sprintf("`virsh --version` (libvirt %s) %.1f ms", libvirtVersion(), ms(median(virsh)))
	}
	publish(b, "command", fmt.Sprintf("## The command line alone\n\nMedian of 50, in turns: `hv --version` %.1f ms, %s. Goal: at most 15 ms.\n", ms(median(hv)), other))
}

func timed(b *testing.B, program string, args ...string) time.Duration {
	b.Helper()
	begin := time.Now()
	must(b, exec.Command(program, args...).Run()) //nolint:noctx // it ends by itself
	return time.Since(begin)
}

func libvirtVersion() string {
	out, _ := exec.Command("virsh", "--version").Output() //nolint:noctx // it ends by itself
	return strings.TrimSpace(string(out))
}
