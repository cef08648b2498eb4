//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestWhatALaunchCosts measures, and asserts nothing about time: from the call to the answer of
// query-status, through hv-helper and bare, one after the other in the same run.
func TestWhatALaunchCosts(t *testing.T) {
	h := newHelperHost(t)
	const rounds = 15
	var bare, through, prepare, clone, shim []time.Duration
	for range rounds {
		bare = append(bare, bareStart(t))

		begin := time.Now()
		reply, pidfd, err := h.client.Launch(t.Context(), pausedQ35(), nil)
		if err != nil {
			t.Fatal(err)
		}
		dialQMP(t, filepath.Join(h.run, reply.Sockets["qmp"])).do("query-status")
		through = append(through, time.Since(begin))
		prepare = append(prepare, time.Duration(reply.Micros.Prepare)*time.Microsecond)
		clone = append(clone, time.Duration(reply.Micros.Clone)*time.Microsecond)
		shim = append(shim, time.Duration(reply.Micros.Shim)*time.Microsecond)

		if err := h.client.Kill(t.Context(), helperVM, "KILL"); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, pidfd)
		_ = pidfd.Close()
		if err := h.client.Cleanup(t.Context(), helperVM); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("to the answer of query-status, median and least of %d: bare %s, through hv-helper %s; of it prepare %s, clone %s, shim %s",
		rounds, spread(bare), spread(through), spread(prepare), spread(clone), spread(shim))
}

func spread(d []time.Duration) string {
	slices.Sort(d)
	return fmt.Sprintf("%.1f (%.1f) ms", d[len(d)/2].Seconds()*1000, d[0].Seconds()*1000)
}

// bareStart starts the same QEMU without helper, jail or uid.
func bareStart(t *testing.T) time.Duration {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qmp")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	args := pausedQ35().Args
	args[slices.Index(args, "-chardev")+1] = "socket,id=qmp,server=on,wait=off,fd=3"
	begin := time.Now()
	cmd := exec.Command("/usr/bin/qemu-system-x86_64", args...)
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	dialQMP(t, path).do("query-status")
	took := time.Since(begin)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	_ = l.Close()
	return took
}
