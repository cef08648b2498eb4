package config

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLinesSayWhatDiffFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDeclaration(t), drawDeclaration(t)
		if len(Lines(a, a)) > 0 {
			t.Fatalf("%v", Lines(a, a))
		}
		if diff, lines := Diff(a, b), Lines(a, b); (len(diff) == 0) != (len(lines) == 0) {
			t.Fatalf("%v, and as lines %v", diff, lines)
		}
	})
}

func TestALineSaysItAsNixDoes(t *testing.T) {
	read := func(text string) Declaration {
		d, err := ReadString(t.Context(), YAML, "host.yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a := read(`hypervisor: {featureManager: {enabledFeatures: [monitoring, snapshots]}, vms: {web: {memory: 1GiB, cpus: 2, labels: {a.b: x}}, old: {}}}`)
	b := read(`hypervisor: {featureManager: {enabledFeatures: [snapshots, encryption]}, vms: {web: {memory: 2GiB, cpus: 2}}, host: {name: a"b}}`)
	var got []string
	for _, l := range Lines(a, b) {
		got = append(got, fmt.Sprintf("%c %s: %s", l.Sign, l.Section, l.Text))
	}
	want := `+ hypervisor.featureManager: enabledFeatures has "encryption"
- hypervisor.featureManager: enabledFeatures has "monitoring"
+ hypervisor.host: name = "a\"b"
- hypervisor.vms.old: { }
- hypervisor.vms.web: labels."a.b" = "x"
- hypervisor.vms.web: memory = "1GiB"
+ hypervisor.vms.web: memory = "2GiB"`
	if strings.Join(got, "\n") != want {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}
