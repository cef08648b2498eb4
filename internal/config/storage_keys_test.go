package config

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/storage"
	api "github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAKeyWithoutItsSecretIsDriftThatSaysWhatToDo(t *testing.T) {
	d := Declaration{Storage: StorageSection{Keys: map[string]storage.KeySpec{
		"away": {}, "locked": {}, "lost": {}, "new": {}, "other": {Kind: storage.CredsKey}, "vault": {Kind: storage.CommandKey, Command: []string{"/bin/print"}},
	}}}
	seen := map[string]SeenKey{
		"locked": {Status: storage.KeyStatus{State: storage.KeyLocked, Secret: 1}},
		"lost":   {Status: storage.KeyStatus{State: storage.KeyLost, Secret: 1, Problem: "its file is gone", Hint: "put it back"}},
		"new":    {Status: storage.KeyStatus{State: storage.KeyUnmade}},
		"other":  {},
		"vault":  {Key: storage.Key{Spec: d.Storage.Keys["vault"]}, Status: storage.KeyStatus{State: storage.KeyUnmade, Problem: "print failed", Hint: "run it by hand"}},
	}
	want := []string{
		"away missing apply the declaration", "lost missing put it back", "new missing hv key unlock new", "other differs apply the declaration", "vault missing run it by hand",
	}
	got := DriftOfKeys(d, seen)
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, one := range got {
		if line := strings.Join([]string{one.Key, one.Kind, one.Remedy}, " "); !strings.HasPrefix(line, want[i]) || one.What == "" || one.VM != "" {
			t.Errorf("%q, want %q", line, want[i])
		}
	}
	if one := got[1]; one.Kind != api.DriftMissing || one.Why != "its file is gone" {
		t.Errorf("%+v", one)
	}
}
