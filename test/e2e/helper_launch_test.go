//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestAVMStartsInItsJail(t *testing.T) {
	h := newHelperHost(t)
	reply, pidfd, err := h.client.Launch(t.Context(), pausedQ35(helperVM), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pidfd.Close()
	t.Logf("%+v", reply)
	q := dialQMP(t, filepath.Join(h.run, reply.Sockets["qmp"]))
	if status := string(q.do("query-status", nil)); !strings.Contains(status, "prelaunch") {
		t.Errorf("status %s", status)
	}
}
