package nixlang

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// declared evaluates one file as a declaration.
func declared(t *testing.T, src string) *Node {
	t.Helper()
	n, err := declare(src)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return n
}

func declare(src string) (*Node, error) {
	ctx := context.Background()
	v, err := EvalFile(ctx, "host.nix", Options{Files: fstest.MapFS{"host.nix": {Data: []byte(src)}}})
	if err != nil {
		return nil, err
	}
	if v, err = Module(ctx, v, nil); err != nil {
		return nil, err
	}
	return v.Deep(ctx)
}

func jsonOf(t *testing.T, n *Node) string {
	t.Helper()
	text, err := n.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The configurations that the specification recommends, word for word.
var recommended = map[string]struct{ src, want string }{
	"Home Lab": {`{
  hypervisor.featureManager = {
    profile = "balanced";
    riskTolerance = "balanced";
    enabledFeatures = [
      "monitoring"
      "localBackup"
      "webDashboard"
      "cliEnhancements"
    ];
  };
}
`, `{"enabledFeatures":["monitoring","localBackup","webDashboard","cliEnhancements"],"profile":"balanced","riskTolerance":"balanced"}`},
	"Development Environment": {`{
  hypervisor.featureManager = {
    profile = "full";
    riskTolerance = "accepting";
    enabledFeatures = [
      "monitoring"
      "api"
      "devEnvironments"
      "snapshots"
      "webDashboard"
    ];
  };
}
`, `{"enabledFeatures":["monitoring","api","devEnvironments","snapshots","webDashboard"],"profile":"full","riskTolerance":"accepting"}`},
	"Production Deployment": {`{
  hypervisor.featureManager = {
    profile = "custom";
    riskTolerance = "cautious";
    enabledFeatures = [
      "monitoring"
      "threatDetection"
      "remoteBackup"
      "microSegmentation"
      "encryption"
      "auditLogging"
    ];
  };
}
`, `{"enabledFeatures":["monitoring","threatDetection","remoteBackup","microSegmentation","encryption","auditLogging"],"profile":"custom","riskTolerance":"cautious"}`},
	"Security-Critical": {`{
  hypervisor.featureManager = {
    profile = "minimal";
    riskTolerance = "paranoid";
    enabledFeatures = [
      "auditLogging"
      "threatDetection"
      "behavioralAnalysis"
      "forensics"
    ];
  };
}
`, `{"enabledFeatures":["auditLogging","threatDetection","behavioralAnalysis","forensics"],"profile":"minimal","riskTolerance":"paranoid"}`},
}

func TestTheRecommendedConfigurationsAreRead(t *testing.T) {
	for name, c := range recommended {
		got := jsonOf(t, declared(t, c.src))
		if want := `{"hypervisor":{"featureManager":` + c.want + `}}`; got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestARecommendedConfigurationMayBeAModule(t *testing.T) {
	for name, c := range recommended {
		module := "{ config, lib, pkgs, ... }:\n" + c.src
		if got, want := jsonOf(t, declared(t, module)), jsonOf(t, declared(t, c.src)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestEveryValueKnowsWhereItWasWritten(t *testing.T) {
	n := declared(t, `{ lib, ... }:
{
  hypervisor.vms.web = {
    memory = 512;
    disks = [
      "root"
    ] ++ lib.optional true "data"
      ++ [ "more" ];
  };
  hypervisor.vms.db = lib.mapAttrs (n: v: v) { vcpus = 2; };
}
`)
	vms := n.Attrs["hypervisor"].Attrs["vms"]
	web, db := vms.Attrs["web"], vms.Attrs["db"]
	for name, c := range map[string]struct {
		node *Node
		want string
	}{
		"the file":                       {n, "host.nix:1:1"},
		"a set by its own name":          {vms, "host.nix:3:14"},
		"an attribute":                   {web.Attrs["memory"], "host.nix:4:5"},
		"an element":                     {web.Attrs["disks"].List[0], "host.nix:6:7"},
		"an element of a joined list":    {web.Attrs["disks"].List[2], "host.nix:8:12"},
		"what a function of lib made":    {web.Attrs["disks"].List[1], "host.nix:5:5"},
		"a name in a set that is mapped": {db.Attrs["vcpus"], "host.nix:10:48"},
	} {
		if got := c.node.Pos.String(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if keys := web.Keys(); !slices.Equal(keys, []string{"disks", "memory"}) {
		t.Errorf("keys are %v", keys)
	}
}

func TestPositionsAreNamedAsTheOwnerNamedTheFolder(t *testing.T) {
	v, err := EvalFile(context.Background(), "sub/host.nix", Options{
		Files:  fstest.MapFS{"sub/host.nix": {Data: []byte("{ p = ./x; q = 1 + null; }")}},
		Folder: "conf", Base: "/home/me/conf",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Deep(context.Background())
	if e, ok := errors.AsType[*Error](err); !ok || e.Position != (finding.Position{File: "conf/sub/host.nix", Line: 1, Column: 20}) {
		t.Errorf("got %v", err)
	}
	if text, err := v.Nix(context.Background(), false); err != nil || text != "{ p = /home/me/conf/sub/x; q = <CODE>; }" {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestNamingWhatIsNotThereIsFineUsingItIsNot(t *testing.T) {
	const lazy = `{ config, lib, pkgs, options, ... }@args:
let
  unused = [ pkgs.vim config.x options.y builtins.currentTime lib.evalModules <nixpkgs> (derivation { }) ];
  inherit (pkgs) hello;
in { a = builtins.length unused; b = args ? pkgs; }`
	if got := jsonOf(t, declared(t, lazy)); got != `{"a":7,"b":true}` {
		t.Errorf("got %s", got)
	}
	for _, use := range []string{
		"pkgs", "pkgs.vim", "with pkgs; vim", "pkgs ? vim", "options", "lib.evalModules { }",
		"lib.types.str", "lib.mkOption { }", "lib.getExe 1", "builtins.currentSystem", "builtins.storePath /x",
		"builtins.fetchTarball \"x\"", "fetchGit { }", "builtins.getFlake \"x\"", "builtins.path { }", "builtins.toFile \"a\" \"b\"",
		"builtins.filterSource (a: b: true) ./.", "placeholder \"out\"", "builtins.nixVersion", "scopedImport { } ./x", "builtins.exec [ ]",
	} {
		_, err := declare("{ config, lib, pkgs, options, ... }: { a = " + use + "; }")
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(use, "with "), "builtins."), " ")
		name, _, _ = strings.Cut(name, ".")
		name = strings.TrimSuffix(name, ";")
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "not available here") {
			t.Errorf("%s: got %v", use, err)
		}
		if fault.HintOf(err) == "" {
			t.Errorf("%s: no hint", use)
		}
	}
}

func TestTheExplicitFormOfAModuleIsItsConfig(t *testing.T) {
	if got := jsonOf(t, declared(t, "{ lib, ... }: { config = { a = 1; }; }")); got != `{"a":1}` {
		t.Errorf("got %s", got)
	}
	if got := jsonOf(t, declared(t, "args: { a = args.lib.id 1; }")); got != `{"a":1}` {
		t.Errorf("got %s", got)
	}
}

func TestAValueThatHoldsItselfOrAFunctionIsNoData(t *testing.T) {
	for src, want := range map[string]string{
		"let x = { a.b = [ 1 x ]; }; in x":            "'a.b[1]' holds itself",
		`{ a."b c" = [ { d = x: x; } ]; }`:            `'a."b c"[0].d' is a function`,
		"{ a = map; }":                                "'a' is a built-in function",
		"{ a = builtins.add 1; }":                     "'a' is a partially applied built-in function",
		"let x = [ 1 2 ]; in { a = x; b = [ x x ]; }": "",
	} {
		_, err := declare(src)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %s", src, err, want)
		}
	}
}

func TestJSONOfADeclaration(t *testing.T) {
	n := declared(t, `{ a = [ 1 2.5 true null "x\n\"" ]; b = { }; c = [ ]; d = ./x; "e f" = -1; }`)
	const want = `{"a":[1,2.5,true,null,"x\n\""],"b":{},"c":[],"d":"/x","e f":-1}`
	if got := jsonOf(t, n); got != want {
		t.Errorf("got %s", got)
	}
}
