package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzDecodeWire(f *testing.F) {
	for _, name := range []string{"home-lab.nix", "declared-vms.nix"} {
		d, err := Read(f.Context(), examples, name)
		if err != nil {
			f.Fatal(err)
		}
		data, err := d.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"version":1,"value":{"hypervisor":{"vms":{"a":{"memory":"1GiB"}}}},"files":["x"],"sources":[{"p":"","f":0,"l":1,"c":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(data)
		if err != nil {
			return
		}
		Check(d, aHost())
		again, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(again)
		if err != nil {
			t.Fatalf("what was decoded and encoded cannot be decoded: %v\n%s", err, again)
		}
		for path, at := range got.Sources {
			if d.Sources[path] != at {
				t.Fatalf("%s moved from %s to %s", path, d.Sources[path], at)
			}
		}
		d.Sources, got.Sources = nil, nil // what is empty leaves with its place
		if diff := cmp.Diff(d, got); diff != "" {
			t.Fatal(diff)
		}
		if len(Diff(d, got)) > 0 {
			t.Fatal("a declaration differs from itself")
		}
	})
}
