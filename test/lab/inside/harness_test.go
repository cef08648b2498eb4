//go:build lab

package inside

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

const (
	state    = "/var/lib/hyper-nixos" // of the installed package
	patience = 3 * time.Minute        // ten times what the slowest wait takes on a quiet machine
)

// daemon is a client of the installed hvd.
func daemon(t *testing.T) *client.Client {
	t.Helper()
	c := client.Unix(filepath.Join(privilege.RunFolder(state), privilege.APISocket))
	t.Cleanup(c.Close)
	return c
}

// run runs a program and wants it to succeed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // a cleanup runs it too
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// hv runs hv as root would, with nothing set, and wants it to succeed.
func hv(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "hv", args...)
}

// bootFiles imports the tiny guest's kernel and initramfs, unless an earlier test has.
func bootFiles(t *testing.T) {
	t.Helper()
	have := hv(t, "boot-file", "list", "-o", "name")
	for name, file := range map[string]string{"kernel": "vmlinuz", "initrd": "initrd"} {
		if !strings.Contains(have, "tiny-"+name) {
			hv(t, "boot-file", "import", "tiny-"+name, "/lab/in/guest/"+file, "--kind", name)
		}
	}
}

// machine makes a VM from its declaration. It is gone when the test ends.
func machine(t *testing.T, name, declaration string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vm.nix")
	if err := os.WriteFile(file, []byte(`{ name = "`+name+`"; `+declaration+` }`), 0o644); err != nil {
		t.Fatal(err)
	}
	hv(t, "vm", "create", "-f", file)
	t.Cleanup(func() {
		for _, verb := range [][]string{{"kill"}, {"delete", "--yes"}} {
			args := append([]string{"vm"}, append(verb, name)...)
			if out, err := exec.Command("hv", args...).CombinedOutput(); err != nil && verb[0] == "delete" { //nolint:noctx // hv ends by itself
				t.Errorf("hv %v: %v\n%s", args, err, out)
			}
		}
	})
}

// waitState waits until a VM is in a state and returns it.
func waitState(t *testing.T, c *client.Client, name, state string) wire.VM {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ref := model.Ref{Project: model.DefaultProject, Name: name}
	var last wire.VM
	is := func() bool {
		v, err := c.VM(ctx, ref)
		if err == nil {
			last = v
		}
		return err == nil && v.Status.Power != nil && string(v.Status.Power.State) == state
	}
	page, err := c.VMPage(ctx, model.DefaultProject, client.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if is() {
		return last
	}
	for _, err := range c.Events(ctx, client.EventOptions{Subject: "vm/default/" + name, From: page.Revision + 1}) {
		if err != nil {
			t.Fatalf("vm %s is not %s: %v; it is %+v", name, state, err, last.Status.Power)
		}
		if is() {
			break
		}
	}
	return last
}

// mainPID is the process of a service, from systemd.
func mainPID(t *testing.T, unit string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(run(t, "systemctl", "show", "-P", "MainPID", unit)))
	if err != nil || pid == 0 {
		t.Fatalf("%s has no process: %v", unit, err)
	}
	return pid
}

// status is a field of a process, as in /proc/PID/status.
func status(t *testing.T, pid int, field string) string {
	t.Helper()
	text := read(t, fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	t.Fatalf("process %d has no %s:\n%s", pid, field, text)
	return ""
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
