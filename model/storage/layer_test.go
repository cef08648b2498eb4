package storage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

const one, two = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"

func TestAVolumeOfBeforeLayersIsOne(t *testing.T) {
	v := Volume{Spec: VolumeSpec{Pool: "default", Size: 1 << 30}, File: one + ".raw"}
	want := []Layer{{ID: one, Pool: "default", Format: Raw, Size: 1 << 30}}
	if d := cmp.Diff(want, v.Chain()); d != "" {
		t.Error(d)
	}
	if v.Head().File() != v.File {
		t.Errorf("its head is %s", v.Head().File())
	}
}

func TestWhatIsWrittenGoesToANewLayerAndTheFileIsItsHead(t *testing.T) {
	v := Volume{Spec: VolumeSpec{Pool: "fast", Format: Raw, Size: 1 << 20}, File: one + ".raw"}
	chain, err := Overlay(v.Chain(), two, v.Spec.Size)
	if err != nil {
		t.Fatal(err)
	}
	v = v.On(chain)
	want := []Layer{{one, "fast", Raw, 1 << 20, ""}, {two, "fast", QCOW2, 1 << 20, ""}}
	if d := cmp.Diff(want, v.Chain()); d != "" || v.File != two+".qcow2" || v.Head().ID != two {
		t.Errorf("%s %s", v.File, d)
	}
	if rest := Without(v.Chain(), one); len(rest) != 1 || Has(rest, one) || !Has(rest, two) {
		t.Errorf("%+v", rest)
	}
	if len(v.Chain()) != 2 {
		t.Error("taking a layer away has changed the chain itself")
	}
}

func TestAChainHasAnEnd(t *testing.T) {
	chain := []Layer{{ID: one}}
	var err error
	for range MaxLayers - 1 {
		if chain, err = Overlay(chain, two, 512); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = Overlay(chain, two, 512); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("%d layers and one more: %v", len(chain), err)
	}
}

func TestWhatStandsOnAnEncryptedLayerIsEncryptedWithTheSameKey(t *testing.T) {
	v := Volume{File: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10.raw", Spec: VolumeSpec{Size: 1 << 20, Encryption: "house"}}
	chain, err := Overlay(v.Chain(), "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a11", v.Spec.Size)
	if err != nil || len(chain) != 2 || chain[0].Key != "house" || chain[1].Key != "house" || len(Keys(chain)) != 1 {
		t.Errorf("%+v, %v", chain, err)
	}
}

func TestAKeysSpecIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		name string
		spec KeySpec
		ok   bool
	}{
		"passphrase":            {"house", KeySpec{}, true},
		"creds":                 {"house", KeySpec{Kind: CredsKey, With: WithTPM}, true},
		"command":               {"house", KeySpec{Kind: CommandKey, Command: []string{"/usr/bin/print", "x"}}, true},
		"none":                  {"none", KeySpec{}, false},
		"no command":            {"house", KeySpec{Kind: CommandKey}, false},
		"a relative command":    {"house", KeySpec{Kind: CommandKey, Command: []string{"print"}}, false},
		"a way out":             {"house", KeySpec{Kind: CommandKey, Command: []string{"/usr/../bin/print"}}, false},
		"with of a passphrase":  {"house", KeySpec{With: WithHost}, false},
		"an unknown seal":       {"house", KeySpec{Kind: CredsKey, With: "floppy"}, false},
		"a command of a phrase": {"house", KeySpec{Command: []string{"/bin/x"}}, false},
		"unknown":               {"house", KeySpec{Kind: "vault"}, false},
	} {
		if errs := CheckKey(c.name, c.spec); (len(errs) == 0) != c.ok {
			t.Errorf("%s: %v", name, errs)
		}
	}
}
