package qmp

import (
	"errors"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestARefusalKeepsQEMUsWordsAndGetsAKind(t *testing.T) {
	for _, c := range []struct {
		class, desc string
		kind        fault.Kind
		want        string
	}{
		{ClassCommandNotFound, "The command fly has not been found", fault.Precondition, `vm "web": QEMU refused fly: this QEMU has no command fly`},
		{ClassCommandNotFound, "Expecting capabilities negotiation with 'qmp_capabilities'", fault.Precondition, `vm "web": QEMU refused fly: Expecting capabilities negotiation with 'qmp_capabilities'`},
		{ClassDeviceNotFound, "Device 'nope' not found", fault.NotFound, `vm "web": QEMU refused fly: Device 'nope' not found`},
		{ClassDeviceNotActive, "No migration", fault.Precondition, ""},
		{ClassGeneric, "Resetting the Virtual Machine is required", fault.Precondition, ""},
		{ClassGeneric, `Failed to get "write" lock`, fault.Conflict, ""},
		{ClassGeneric, "Duplicate device ID 'x'", fault.Conflict, ""},
		{ClassGeneric, "Duplicate nodes with node-name='x'", fault.Conflict, ""},
		{ClassGeneric, "Node x is in use", fault.Conflict, ""},
		{ClassGeneric, "Failed to find node with node-name='nope'", fault.NotFound, ""},
		{ClassGeneric, "Job not found", fault.NotFound, ""},
		{ClassGeneric, "Could not open '/dev/fdset/9': No such file or directory", fault.NotFound, ""},
		{ClassGeneric, "Parameter 'driver' is missing", fault.Invalid, ""},
		{ClassGeneric, "cannot set up guest memory: Cannot allocate memory", fault.Exhausted, ""},
		{ClassGeneric, "Could not open: Permission denied", fault.Denied, ""},
		{"NewClass", "who knows", fault.Precondition, ""},
	} {
		client, p := ready(t, Options{})
		out := execute(t.Context(), client, Command{Name: "fly"})
		p.refuse(p.hear(), c.class, c.desc)
		r := <-out
		if fault.KindOf(r.err) != c.kind {
			t.Errorf("%s: kind %v, want %v", c.desc, fault.KindOf(r.err), c.kind)
		}
		if c.want != "" && r.err.Error() != c.want {
			t.Errorf("got  %s\nwant %s", r.err, c.want)
		}
		if e, ok := errors.AsType[*Error](r.err); !ok || e.Class != c.class || e.Desc != c.desc || e.Command != "fly" {
			t.Errorf("QEMU's own words are lost: %+v", e)
		}
	}
}

func TestALockedImageComesWithAHint(t *testing.T) {
	client, p := ready(t, Options{})
	out := execute(t.Context(), client, Command{Name: "blockdev-add"})
	p.refuse(p.hear(), ClassGeneric, `Failed to get "write" lock`)
	if r := <-out; fault.HintOf(r.err) == "" {
		t.Error("no hint")
	}
}

func TestARefusalOfAQEMUThatCannotBeTrustedIsBoundedAndHarmless(t *testing.T) {
	client, p := ready(t, Options{})
	out := execute(t.Context(), client, Command{Name: "cont"})
	long := `\u001b]0;root\u0007` + strings.Repeat("x", 2<<20)
	p.say(`{"error": {"class": "%s", "desc": "%s"}, "id": %q}`, long, long, p.hear().ID)
	if text := (<-out).err.Error(); !strings.Contains(text, "refused") || len(text) > 8<<10 || strings.ContainsAny(text, "\x1b\x07") {
		t.Errorf("%d bytes: %.80q", len(text), text)
	}
}
