package action

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The cases of RFC 7386, appendix A.
func TestAMergePatchDoesWhatItsRFCSays(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		target, err := decodeAny([]byte(c[0]))
		if err != nil {
			t.Fatal(err)
		}
		patch, err := decodeAny([]byte(c[1]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(merge(target, patch))
		if err != nil || string(got) != c[2] {
			t.Errorf("%s with %s is %s, want %s (%v)", c[0], c[1], got, c[2], err)
		}
	}
}

func TestAPatchOfAVMChangesWhatItNamesAndNothingElse(t *testing.T) {
	def := definition("web", disk("root", "data", false), disk("more", "other", true), nic())
	def.Memory, def.Labels = 3*model.TiB, map[string]string{"tier": "web"}
	got, err := patched(t.Context(), def, []byte(`{"labels":{"tier":null,"env":"test"},"disks":{"more":null,"new":{"volume":"v"}},"cpus":2,"power":"on"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := definition("web", disk("root", "data", false), disk("new", "v", false), nic(), powered(vm.On))
	want.Memory, want.Labels, want.CPUs = 3*model.TiB, map[string]string{"env": "test"}, 2
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"cpus":2}`, `{"disks":{"root":null}}`, `{"memory":"1GiB"}`, `{"nics":{"lan":{"mac":1e9}}}`, `{"labels":{"a":{"b":[null]}}}`, `null`, `[`, `{"boot":{}}`, `{"a":` + "\x00" + `}`,
	} {
		f.Add([]byte(seed))
	}
	def := definition("web", disk("root", "data", false), nic())
	f.Fuzz(func(t *testing.T, patch []byte) {
		got, err := patched(t.Context(), def, patch)
		if err != nil {
			return
		}
		again, err := patched(t.Context(), got, patch)
		if err != nil {
			t.Fatalf("%s fits once and not twice: %v", patch, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("%s twice is not %s once:\n%s", patch, patch, diff)
		}
		if _, err := patched(t.Context(), got, []byte(`{}`)); err != nil {
			t.Errorf("what came out does not come in: %v", err)
		}
	})
}
