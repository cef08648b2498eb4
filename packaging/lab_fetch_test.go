//go:build lab

package packaging_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The installed hvd has no network, and an image comes all the same: fetched by a process of its own, which is nobody
// that the host knows, sees no state folder, and is gone afterwards.
func TestAnImageIsFetchedForAnHvdWithoutNetwork(t *testing.T) {
	disk := make([]byte, 1<<20)
	disk[510], disk[511] = 0x55, 0xaa
	sum := sha256.Sum256(disk)
	more, came := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(disk[:1<<19])
		_ = http.NewResponseController(w).Flush()
		close(came)
		<-more
		_, _ = w.Write(disk[1<<19:])
	}))
	defer server.Close()
	if private := unit(t, "hvd", "PrivateNetwork"); private != "yes" {
		t.Fatalf("PrivateNetwork=%s", private)
	}
	done := make(chan error, 1)
	go func() {
		out, err := exec.Command("hv", "image", "import", "fetched", server.URL+"/disk.raw", "--sha256", hex.EncodeToString(sum[:])).CombinedOutput()
		if err != nil {
			t.Errorf("%s", out)
		}
		done <- err
	}()
	select {
	case <-came:
	case err := <-done:
		t.Fatalf("nothing was fetched: %v\n%s", err, output(t, "journalctl", "-b", "--no-pager", "-n", "60"))
	}
	instance := strings.Fields(output(t, "systemctl", "list-units", "--plain", "--no-legend", "hv-fetch@*"))
	if len(instance) == 0 {
		t.Fatal("no hv-fetch@ runs")
	}
	pid := unit(t, instance[0], "MainPID")
	hvd, err := os.ReadFile("/proc/" + unit(t, "hvd", "MainPID") + "/status")
	status, err2 := os.ReadFile("/proc/" + pid + "/status")
	if err != nil || err2 != nil || line(t, string(status), "Uid:") == line(t, string(hvd), "Uid:") || strings.HasPrefix(line(t, string(status), "Uid:"), "Uid:\t0\t") {
		t.Errorf("it runs as %s (%v %v)", line(t, string(status), "Uid:"), err, err2)
	}
	if names, err := os.ReadDir("/proc/" + pid + "/root/var/lib/hyper-nixos"); err == nil && len(names) > 0 {
		t.Errorf("it sees the state folder: %v", names)
	}
	close(more)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { output(t, "hv", "image", "delete", "fetched", "--yes") })
	if shown := output(t, "hv", "image", "show", "fetched"); !strings.Contains(shown, "ready") {
		t.Error(shown)
	}
	output(t, "systemctl", "stop", "hv-fetch.socket")
	out, err := exec.Command("hv", "image", "import", "refused", server.URL+"/disk.raw", "--sha256", hex.EncodeToString(sum[:])).CombinedOutput()
	output(t, "systemctl", "start", "hv-fetch.socket")
	if err == nil || !strings.Contains(string(out), "HV-IMG-019") {
		t.Errorf("%s", out)
	}
}
