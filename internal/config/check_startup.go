package config

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// circle refuses VMs of which each is to start after the next.
func (c *vmCheck) circle(all []vm.Definition) {
	after := map[string][]string{}
	for _, d := range all {
		if d.Startup != nil && !slices.Contains(d.Startup.After, d.Name) { // itself is vm.Check's to find
			after[d.Name] = d.Startup.After
		}
	}
	found := vm.Circle(after)
	if len(found) == 0 {
		return
	}
	f := c.say(finding.Refused, CodeVMCircle, found[0], "startup.after", "take one of them out of another's startup.after",
		"it is to start after itself: %s", strings.Join(append(slices.Clone(found), found[0]), " after "))
	for _, name := range found[1:] {
		f.Subject = append(f.Subject, "vm/"+name)
	}
	for i, name := range found {
		c.or(finding.Way{{Op: finding.Remove, Path: join(VMPath(name), "startup.after"), Value: found[(i+1)%len(found)]}})
	}
}
