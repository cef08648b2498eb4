//go:build linux

package daemon

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
)

// apiGroup is the group whose members may run VMs, as packages make it.
const apiGroup = "hypervisor"

// members are the login names of the group's members that /etc/group knows; those that come from elsewhere are not
// told, and root, who asks, is there anyway.
func members() []string {
	f, err := os.Open("/etc/group")
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, rest, _ := strings.Cut(lines.Text(), ":"); name == apiGroup {
			return strings.FieldsFunc(rest[strings.LastIndex(rest, ":")+1:], func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	return nil
}

// auditWhole verifies the audit log as hv audit verify does, while it is written to: what comes meanwhile is an
// unfinished end, and no damage.
func (d *daemon) auditWhole(context.Context) error {
	_, problems := verify.Verify(os.DirFS(filepath.Join(d.State, "audit")), d.audit.Key(), d.audit.Head())
	if len(problems) == 0 {
		return nil
	}
	if len(problems) > 1 {
		return fmt.Errorf("%s; and %d problems more", problems[0], len(problems)-1)
	}
	return fmt.Errorf("%s", problems[0])
}
