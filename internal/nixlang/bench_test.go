package nixlang

import (
	"context"
	"testing"
	"testing/fstest"
)

// farm declares n VMs as an owner would: a function for what they share, a list, a set of them.
const farm = `
{ lib, ... }:
let
  vm = i: {
    name = "vm${toString i}";
    value = {
      labels = { tier = if lib.mod i 2 == 0 then "web" else "db"; index = toString i; };
      vcpus = 1 + lib.mod i 4;
      memory = 512 * (1 + lib.mod i 8);
      disks = [ "root-${toString i}" ] ++ lib.optional (lib.mod i 3 == 0) "data-${toString i}";
      nic = { network = "default"; } // lib.optionalAttrs (i > 100) { mtu = 1400; };
      autostart = i < 50;
    };
  };
in {
  hypervisor.featureManager = { profile = "balanced"; riskTolerance = "balanced"; };
  hypervisor.vms = builtins.listToAttrs (map vm (lib.range 1 500));
}
`

func BenchmarkDeclarationOf500VMs(b *testing.B) {
	files := fstest.MapFS{"host.nix": {Data: []byte(farm)}}
	b.ReportAllocs()
	for b.Loop() {
		ctx := context.Background()
		v, err := EvalFile(ctx, "host.nix", Options{Files: files})
		if err != nil {
			b.Fatal(err)
		}
		if v, err = Module(ctx, v, nil); err != nil {
			b.Fatal(err)
		}
		n, err := v.Deep(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if got := len(n.Attrs["hypervisor"].Attrs["vms"].Attrs); got != 500 {
			b.Fatalf("%d VMs", got)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	names, _ := globalScope()
	b.SetBytes(int64(len(libText)))
	for b.Loop() {
		src := &source{name: "lib.nix", text: libText, dir: "/"}
		if _, err := parse(src, names, DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
