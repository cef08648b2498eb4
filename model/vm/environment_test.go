package vm

import (
	"os/exec"
	"strings"
	"testing"
)

func TestThereAreThreeEnvironments(t *testing.T) {
	var names []string
	for _, e := range Environments() {
		names = append(names, e.Name)
		def, err := e.Definition("mine", "mine-root", CloudInit{User: "me"})
		if err != nil {
			t.Fatal(err)
		}
		if errs := Check(def); len(errs) > 0 {
			t.Errorf("%s: %v", e.Name, errs)
		}
		if def.Power != On || def.CloudInit.Hostname != "mine" || def.CloudInit.User != "me" || def.Labels[EnvironmentLabel] != e.Name ||
			len(def.CloudInit.Packages) == 0 || !strings.Contains(def.CloudInit.Runcmd[0], EnvironmentFile) {
			t.Errorf("%s: %+v", e.Name, def)
		}
		for _, line := range e.Runcmd {
			if out, err := exec.Command("sh", "-nc", line).CombinedOutput(); err != nil {
				t.Errorf("%s: sh does not read %q: %s", e.Name, line, out)
			}
		}
	}
	if strings.Join(names, " ") != "build database web" {
		t.Errorf("%q", names)
	}
	if _, err := FindEnvironment("none"); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
}
