//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAShellIsSSHsWhereAServerAnswers(t *testing.T) {
	h := bootable(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("web", "nics.lan = { };")))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprint(c, "SSH-2.0-test\r\n")
			_ = c.Close()
		}
	}()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "ssh"), []byte("#!/bin/sh\necho \"ssh $*\"\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	host, port, _ := net.SplitHostPort(l.Addr().String())
	out, errs, code := h.HV(t.Context(), nil, "shell", "web", "--via", "ssh", "--address", l.Addr().String(), "--user", "me", "--", "echo", "a b")
	uuid := h.WaitState(t.Context(), "web", "off").Spec.UUID
	if want := "ssh -o HostKeyAlias=hv-" + uuid + " -p " + port + " -l me -- " + host + " 'echo' 'a b'"; code != 7 || strings.TrimSpace(out) != want || !strings.Contains(errs, "into vm/web by ssh") {
		t.Errorf("exit %d, %s%s; want %s", code, out, errs, want)
	}
	refused(t, h, 1, []string{"HV-GUEST-020", "--address"}, "shell", "web", "--via", "ssh")
	refused(t, h, 1, []string{"HV-GUEST-021", "--via serial"}, "shell", "web", "--via", "ssh", "--address", "127.0.0.1:1")
	refused(t, h, 2, []string{"no terminal"}, "shell", "web", "--via", "agent")
}
