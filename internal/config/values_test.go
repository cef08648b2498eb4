package config

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAChangeIsReadAsPlainValues(t *testing.T) {
	cases := map[string]struct {
		path, value string
		want        []Plain
	}{
		"a word":       {"hypervisor.host.name", `"lab"`, []Plain{{"", `"lab"`}}},
		"a size":       {"hypervisor.vms.web.memory", `67108864`, []Plain{{"", "64MiB"}}},
		"a number":     {"hypervisor.vms.web.cpus", `2`, []Plain{{"", "2"}}},
		"an empty set": {"hypervisor.vms.web.cdroms.cd0", `{}`, []Plain{{"", "{ }"}}},
		"a whole VM": {"hypervisor.vms.web", `{"name":"web","memory":67108864,"labels":{"a.b":"c"},"startup":{"after":["db","app"]},"nics":{"lan":{"network":"user"}}}`, []Plain{
			{`labels."a.b"`, `"c"`}, {"memory", "64MiB"}, {"name", `"web"`}, {"nics.lan.network", `"user"`}, {"startup.after", `[ "db" "app" ]`},
		}},
		"what this build does not know": {"hypervisor.wings", `{"left":[1,true,null]}`, []Plain{{"left", "[ 1 true null ]"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var v any
			if err := json.Unmarshal([]byte(c.value), &v); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, Values(c.path, v)); d != "" {
				t.Error(d)
			}
		})
	}
	for path, want := range map[string]bool{"hypervisor.featureManager.extraFeatures": true, "hypervisor.vms.web.startup.after": true, "hypervisor.vms.web.cpus": false, "hypervisor.wings": false} {
		if IsList(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
