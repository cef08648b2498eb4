package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"pgregory.net/rapid"
)

func TestThePublishedSchemaIsFresh(t *testing.T) {
	golden(t, "../../docs/declaration.schema.json", string(Schema()))
}

func TestEveryKeyHasItsNoteAndEveryNoteItsKey(t *testing.T) {
	seen := map[string]bool{}
	var walk func(*shape)
	walk = func(s *shape) {
		seen[s.path] = true
		if s.note.doc == "" {
			t.Errorf("%q is not described", s.path)
		}
		for _, f := range s.fields {
			walk(f.shape)
		}
		if s.elem != nil {
			walk(s.elem)
		}
	}
	walk(theShape())
	for path := range notes() {
		if !seen[path] {
			t.Errorf("a note describes %q, which does not exist", path)
		}
	}
}

// model/vm enforces what the notes only say: both have to know the same values.
func TestTheValuesThatAreSaidAreTheValuesThatAreRead(t *testing.T) {
	for path, n := range notes() {
		key, ok := strings.CutPrefix(path, "hypervisor.vms.*.")
		if !ok || len(n.enum) == 0 {
			continue
		}
		for _, value := range append([]string{"xyzzy"}, n.enum...) {
			var d vm.Definition
			if err := json.Unmarshal([]byte(at(key, value)), &d); err != nil {
				t.Fatal(err)
			}
			told := false
			for _, p := range vm.Check(d) {
				told = told || p.Path == strings.ReplaceAll(key, "*", "x") && strings.Contains(p.What, "none of")
			}
			if told != (value == "xyzzy") {
				t.Errorf("%s = %q: refused is %v", path, value, told)
			}
		}
	}
}

// at is JSON with value at a path of keys.
func at(path, value string) string {
	keys := strings.Split(strings.ReplaceAll(path, "*", "x"), ".")
	out := `"` + value + `"`
	for i := len(keys) - 1; i >= 0; i-- {
		out = `{"` + keys[i] + `": ` + out + `}`
	}
	return out
}

func published(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatCanBeDeclaredFitsTheSchema(t *testing.T) {
	schema := published(t)
	rapid.Check(t, func(t *rapid.T) {
		data, err := json.Marshal(drawDeclaration(t).document())
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
	})
}

func TestTheSchemaRefusesWhatIsRefused(t *testing.T) {
	schema := published(t)
	for _, text := range []string{
		`[]`, `{"hypervisor": {"vm": {}}}`, `{"hypervisor": {"vms": {"Web": {}}}}`, `{"hypervisor": {"vms": {"a": {"cpus": 0}}}}`,
		`{"hypervisor": {"vms": {"a": {"cpus": "1"}}}}`, `{"hypervisor": {"vms": {"a": {"memory": "2GB"}}}}`, `{"hypervisor": {"vms": {"a": {"power": "yes"}}}}`,
		`{"hypervisor": {"vms": {"a": {"disks": {"d": {}}}}}}`, `{"hypervisor": {"featureManager": {"enabledFeatures": ["snapshot"]}}}`,
		`{"hypervisor": {"vms": {"a": {"boot": null}}}}`,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(v) == nil {
			t.Errorf("%s fits", text)
		}
	}
}

func TestTheSchemaTakesSizesAsTheyAreRead(t *testing.T) {
	schema := published(t)
	for _, size := range []string{"2GiB", "2G", "512 MiB", "1.5GiB", "1048576000", "4m"} {
		v := map[string]any{"hypervisor": map[string]any{"vms": map[string]any{"a": map[string]any{"memory": size}}}}
		if err := schema.Validate(v); err != nil {
			t.Error(err)
		}
		if _, err := ReadString(t.Context(), JSON, "x", at("hypervisor.vms.a.memory", size)); err != nil {
			t.Error(err)
		}
	}
}

func TestKeysAreOfferedWithTheirValues(t *testing.T) {
	names := func(path string) string {
		var out []string
		for _, k := range Keys(path) {
			out = append(out, k.Name)
		}
		return strings.Join(out, " ")
	}
	for path, want := range map[string]string{
		"": "hypervisor", "hypervisor": "host hardening storage featureManager vms", "hypervisor.hardening": "unlockDelay", "hypervisor.host": "name description",
		"hypervisor.vms.web.disks.root": "volume readOnly bootIndex serial iothread bus limits image size pool encryption cache aio discard detectZeroes", `hypervisor.vms."a.b".boot`: "kernel initrd cmdline order menu menuTimeout",
		"hypervisor.vms": "", "hypervisor.vms.web.cpus": "", "no.such": "", "hypervisor.featureManager.enabledFeatures[0]": "", `"`: "", "[": "",
	} {
		if got := names(path); got != want {
			t.Errorf("%q offers %q, want %q", path, got, want)
		}
	}
	for path, text := range map[string]bool{
		"hypervisor.vms.web.pinning.vcpus.0": true, "hypervisor.vms.web.uuid": true, "hypervisor.vms.web.cpus": false, "hypervisor.vms.web.memory": false, "no.such": false,
	} {
		if IsText(path) != text {
			t.Errorf("%s takes text alone: %v", path, !text)
		}
	}
	for _, k := range Keys("hypervisor.vms.web") {
		if k.Name == "power" && strings.Join(k.Values, " ") != "on off paused suspended" {
			t.Errorf("power takes %v", k.Values)
		}
	}
}
