package nix

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// system evaluates our module with others, as NixOS would, in packages that are names only.
const system = `
let
  lib = import ./test/nixlib;
  named = outPath: { type = "derivation"; inherit outPath; };
  pkgs = {
    stdenv.hostPlatform.system = "x86_64-linux";
    qemu = named "/store/qemu";
    passt = named "/store/passt";
    OVMF.fd = named "/store/OVMF-fd";
    buildEnv = env: named "/store/${env.name}";
    callPackage = _: _: named "/store/hyper-nixos";
  };
  config = modules: (lib.evalModules {
    modules = [ ./nix/module.nix ./test/nixlib/system.nix ] ++ modules;
    specialArgs = { inherit pkgs; };
  }).config;
  on = { services.hyper-nixos.enable = true; };
  told = c: { text = c.environment.etc."hyper-nixos/declaration.json".text;
    failed = map (a: a.message) (lib.filter (a: !a.assertion) c.assertions); inherit (c) warnings; };
in
`

// outcome is what a build of a system is told.
type outcome struct {
	Text     string   `json:"text"`
	Failed   []string `json:"failed"`
	Warnings []string `json:"warnings"`
}

// both runs a test with our own evaluator and with Nix itself.
func both(t *testing.T, test func(t *testing.T, ask func(*testing.T, string, any))) {
	t.Helper()
	t.Run("nixlang", func(t *testing.T) { test(t, evaluate) })
	t.Run("nix", func(t *testing.T) { test(t, byNix) })
}

// What the module writes for the daemon is what the same file says to hv, and so for every example.
func TestTheModuleWritesTheDeclarationThatHVReads(t *testing.T) {
	names, err := filepath.Glob("../examples/*.nix")
	if err != nil || len(names) < 6 {
		t.Fatal(names, err)
	}
	both(t, func(t *testing.T, ask func(*testing.T, string, any)) {
		list := []string{"nixos/hypervisor.nix"}
		for _, name := range names {
			if filepath.Base(name) != "first-vm.nix" { // one VM, no host
				list = append(list, filepath.Base(name))
			}
		}
		var got map[string]outcome
		ask(t, system+"lib.genAttrs "+literal(t, list)+" (name: told (config [ on (./examples + \"/${name}\") ]))", &got)
		for _, name := range list {
			want, err := config.Read(t.Context(), os.DirFS("../examples"), name)
			if err != nil {
				t.Fatal(err)
			}
			same(t, name, want, got[name].Text)
			if len(got[name].Failed) > 0 {
				t.Errorf("%s: %s", name, got[name].Failed)
			}
		}
	})
}

// same holds what hv reads against what the module has written.
func same(t *testing.T, name string, want config.Declaration, text string) {
	t.Helper()
	got, err := config.ReadString(t.Context(), config.JSON, "declaration.json", text)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	got.Sources, want.Sources = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: hv reads (-), the module writes (+):\n%s", name, diff)
	}
}

// Modules come together in hv as they do in NixOS.
func TestModulesComeTogetherAsInNixOS(t *testing.T) {
	cases := map[string]string{
		"lists of several modules": `{ lib, ... }: { imports = [
			{ hypervisor.featureManager.enabledFeatures = [ "snapshots" ]; }
			{ hypervisor.featureManager.enabledFeatures = lib.mkAfter [ "encryption" ]; }
			{ hypervisor.featureManager.enabledFeatures = lib.mkBefore [ "monitoring" ]; imports = [ { hypervisor.featureManager.enabledFeatures = [ "localBackup" ]; } ]; } ];
			hypervisor.featureManager.enabledFeatures = [ "containers" ]; }`,
		"a list inside of a VM": `{ lib, ... }: { imports = [
			{ hypervisor.vms.a.startup.after = [ "b" ]; } { hypervisor.vms.a.startup.after = lib.mkMerge [ [ "c" ] [ "d" ] ]; } ];
			hypervisor.vms = lib.genAttrs [ "b" "c" "d" ] (_: { cpus = 1; }); }`,
		"defaults and what beats them": `{ config, lib, ... }: { imports = [
			{ hypervisor.host = lib.mkDefault { name = "base"; description = "base"; }; }
			{ hypervisor.vms.a = lib.mkDefault { cpus = 4; memory = "1GiB"; }; }
			{ hypervisor.vms.b = { cpus = lib.mkDefault 4; memory = lib.mkOverride 90 "2GiB"; }; } ];
			hypervisor.host.name = "own"; hypervisor.vms.a.cpus = 2; hypervisor.vms.b = { memory = "1GiB"; cpus = config.hypervisor.vms.a.cpus * 3; }; }`,
		"what is forced": `{ lib, ... }: { imports = [ { hypervisor.vms = lib.mkForce { only.cpus = 2; }; } ];
			hypervisor.vms.other.cpus = 1; }`,
		"conditions": `{ config, lib, ... }: lib.mkMerge [
			{ hypervisor.featureManager = { profile = "minimal"; extraFeatures = lib.mkIf (config.hypervisor.vms ? a) [ "snapshots" ]; }; }
			(lib.mkIf (config.hypervisor.featureManager.profile == "minimal") { hypervisor.vms.a.cpus = 1; })
			(lib.mkIf (config.hypervisor.host.name == null) { hypervisor.host.description = "nameless"; })
			{ hypervisor.vms.b = lib.mkIf false { cpus = throw "asked"; }; } ]`,
		"what is null, and what is empty": `{ config, lib, ... }: { hypervisor.featureManager.enabledFeatures = [ ]; hypervisor.vms.a = { boot = null; watchdog = { }; cpus = null; labels = { }; nics.lan = { }; }; }`,
	}
	both(t, func(t *testing.T, ask func(*testing.T, string, any)) {
		var all strings.Builder
		for name, text := range cases {
			fmt.Fprintf(&all, "%q = told (config [ on (%s) ]);\n", name, text)
		}
		var got map[string]outcome
		ask(t, system+"{ "+all.String()+" }", &got)
		for name, text := range cases {
			want, err := config.Read(t.Context(), fstest.MapFS{"host.nix": {Data: []byte(text)}}, "host.nix")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			same(t, name, want, got[name].Text)
		}
	})
}

// A selection that hv refuses fails the build with the words of hv.
func TestAConflictFailsTheBuildWithOurFinding(t *testing.T) {
	both(t, func(t *testing.T, ask func(*testing.T, string, any)) {
		for _, fm := range []feature.Declaration{
			{RiskTolerance: "accepting", EnabledFeatures: listed("remoteBackup", "liveMigration")},
			{RiskTolerance: "paranoid", EnabledFeatures: listed("api", "monitorng")},
			{Profile: "minimal", DisabledFeatures: []string{"auditLogging"}},
			{Profile: "custom", EnabledFeatures: listed("threatDetection")},
		} {
			var got outcome
			ask(t, system+"told (config [ on { hypervisor.featureManager = "+literal(t, fm)+"; } ])", &got)
			want := outcome{Failed: []string{}, Warnings: []string{}}
			for _, f := range feature.Resolve(fm, feature.Facts{Platform: catalogue.LinuxX86}).Findings {
				text := fmt.Sprintf("%s: %s\n  why: %s\n  try: %s\n  at:  %s", f.Code, f.What, f.Why, f.Remedy, f.Path)
				if f.Severity == finding.Refused {
					want.Failed = append(want.Failed, text)
				} else if f.Code == "HV-FEAT-018" {
					want.Warnings = append(want.Warnings, text)
				}
			}
			got.Text = ""
			if diff := cmp.Diff(want, got); diff != "" || len(want.Failed)+len(want.Warnings) == 0 {
				t.Errorf("%s\n%s", literal(t, fm), diff)
			}
		}
	})
}

// Debian's units and NixOS' differ in where programs lie, and in nothing that holds a daemon.
func TestTheServicesAreThoseOfThePackage(t *testing.T) {
	type service struct {
		UnitConfig     map[string]any `json:"unitConfig"`
		ServiceConfig  map[string]any `json:"serviceConfig"`
		WantedBy       []string       `json:"wantedBy"`
		StopIfChanged  *bool          `json:"stopIfChanged"`
		RestartIfNewer *bool          `json:"restartIfChanged"`
		Triggers       []string       `json:"restartTriggers"`
	}
	var got struct {
		Services map[string]service `json:"services"`
		Sockets  map[string]struct {
			SocketConfig map[string]any `json:"socketConfig"`
			WantedBy     []string       `json:"wantedBy"`
		} `json:"sockets"`
		Slices map[string]service `json:"slices"`
		Rules  []string           `json:"rules"`
		Text   string             `json:"text"`
	}
	const expression = system + `let c = config [ on ]; in { inherit (c.systemd) services sockets slices; inherit (c.systemd.tmpfiles) rules; inherit (told c) text; }`
	both(t, func(t *testing.T, ask func(*testing.T, string, any)) {
		ask(t, expression, &got)
		for _, name := range []string{"hvd", "hv-helper", "hv-guests", "hv-fetch@"} {
			s, u := got.Services[name], packaged(t, name+".service")
			for key, v := range s.ServiceConfig {
				if text, ok := v.(string); ok && strings.HasPrefix(key, "Exec") {
					if !strings.HasPrefix(text, "/store/hyper-nixos/") {
						t.Errorf("%s: %s=%s", name, key, text)
					}
					s.ServiceConfig[key] = "/usr" + strings.TrimPrefix(text, "/store/hyper-nixos")
				}
			}
			if text := fmt.Sprint(s.ServiceConfig["ExecStart"]); name == "hvd" {
				rest, ok := strings.CutSuffix(text, " --firmware /store/qemu/share --firmware /store/OVMF-fd/FV")
				if s.ServiceConfig["ExecStart"] = rest; !ok {
					t.Errorf("hvd is not told where firmware is: %s", text)
				}
			}
			if (name == "hvd" || name == "hv-helper") && fmt.Sprint(s.ServiceConfig["BindReadOnlyPaths"]) != "[/store/hyper-nixos-programs:/usr]" {
				t.Errorf("%s has no programs of its own: %v", name, s.ServiceConfig["BindReadOnlyPaths"])
			}
			delete(s.ServiceConfig, "BindReadOnlyPaths")
			if diff := cmp.Diff(plain(u["Service"]), plain(s.ServiceConfig)); diff != "" {
				t.Errorf("%s differs from the package's (-):\n%s", name, diff)
			}
			delete(u["Unit"], "Documentation")
			delete(s.UnitConfig, "Documentation")
			if diff := cmp.Diff(plain(u["Unit"]), plain(s.UnitConfig)); diff != "" {
				t.Errorf("%s differs from the package's (-):\n%s", name, diff)
			}
			if name != "hv-fetch@" && !slices.Equal(s.WantedBy, []string{"multi-user.target"}) || name == "hv-fetch@" && len(s.WantedBy) > 0 {
				t.Errorf("%s is wanted by %v", name, s.WantedBy)
			}
		}
		if s := got.Sockets["hv-fetch"]; cmp.Diff(plain(packaged(t, "hv-fetch.socket")["Socket"]), plain(s.SocketConfig)) != "" || !slices.Equal(s.WantedBy, []string{"sockets.target"}) {
			t.Errorf("what fetches for hvd is not as the package's: %v", s)
		}
		if g := got.Services["hv-guests"]; g.StopIfChanged == nil || *g.StopIfChanged || g.RestartIfNewer == nil || *g.RestartIfNewer {
			t.Error("a new configuration of the system would stop every VM")
		}
		if !slices.Equal(got.Services["hvd"].Triggers, []string{got.Text}) {
			t.Error("hvd is not started anew for another declaration")
		}
		if !slices.Equal(got.Rules, packagedRules(t, "tmpfiles.conf")) || len(got.Slices["hyper-nixos"].UnitConfig) == 0 {
			t.Errorf("%v %v", got.Rules, got.Slices)
		}
	})
}

// plain is a section as comparable text.
func plain(section map[string]any) map[string]string {
	out := map[string]string{}
	for key := range maps.Keys(section) {
		out[key] = fmt.Sprint(section[key])
	}
	return out
}

func TestUsersFirewallAndSite(t *testing.T) {
	type site struct {
		Users    map[string]any `json:"users"`
		Groups   map[string]any `json:"groups"`
		Ports    []int          `json:"ports"`
		Nginx    map[string]any `json:"nginx"`
		Failed   []string       `json:"failed"`
		Packages []string       `json:"packages"`
	}
	const show = `let show = c: { inherit (c.users) users groups; ports = c.networking.firewall.allowedTCPPorts; inherit (c.services) nginx; inherit (told c) failed; packages = map (p: p.outPath) c.environment.systemPackages; };
	built = { services.hyper-nixos.catalogue = (import ./nix/catalogue.nix) // { notInBuild = [ ]; }; services.hyper-nixos.openFirewall = true; hypervisor.featureManager.enabledFeatures = [ "webDashboard" ]; };
	certified = { services.hyper-nixos.dashboard = { certificate = "/etc/tls/c.pem"; certificateKey = "/etc/tls/k.pem"; serverName = "hv.example.org"; }; };
	`
	both(t, func(t *testing.T, ask func(*testing.T, string, any)) {
		var got map[string]site
		ask(t, system+show+`in {
			plain = show (config [ on { services.hyper-nixos.users = [ "ann" ]; } ]);
			notYet = show (config [ on (removeAttrs built [ "services" ]) { services.hyper-nixos.openFirewall = true; } ]);
			open = show (config [ on built certified ]);
			bare = show (config [ on built ]);
			builtin = show (config [ on built { services.hyper-nixos.dashboard.frontend = "builtin"; } ]);
			off = show (config [ { hypervisor.featureManager.profile = "minimal"; } ]);
		}`, &got)
		p := got["plain"]
		if fmt.Sprint(p.Users["hvd"]) != "map[description:Hyper-NixOS daemon group:hvd isSystemUser:true]" ||
			fmt.Sprint(p.Groups) != "map[hvd:map[] hypervisor:map[members:[ann]]]" || fmt.Sprint(p.Packages) != "[/store/hyper-nixos]" {
			t.Errorf("%+v", p)
		}
		for _, name := range []string{"plain", "notYet", "builtin", "off"} {
			if s := got[name]; len(s.Ports) > 0 || s.Nginx["enable"] != false || len(s.Failed) > 0 {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if s := got["bare"]; len(s.Failed) != 1 || !strings.Contains(s.Failed[0], "needs a TLS certificate") {
			t.Errorf("%+v", s.Failed)
		}
		open := fmt.Sprint(got["open"].Nginx["virtualHosts"])
		for _, want := range []string{"serverName:hv.example.org", "onlySSL:true", "http2:true", "TLSv1.3", "/etc/tls/c.pem", "proxyWebsockets:true"} {
			if !strings.Contains(open, want) {
				t.Errorf("the site has no %s: %s", want, open)
			}
		}
		if s := got["open"]; !slices.Equal(s.Ports, []int{443}) || s.Nginx["enable"] != true {
			t.Errorf("%+v", s)
		}
		if o := got["off"]; len(o.Users) > 0 || len(o.Packages) > 0 {
			t.Errorf("a module that is not enabled does something: %+v", o)
		}
	})
}

// A value of another type than hv takes fails in NixOS too, before a host ever reads it.
func TestTheTypesOfOptionsAreThoseOfTheSchema(t *testing.T) {
	for body, want := range map[string]string{
		`hypervisor.vms.a.cpus = "2"`:              "vms.a.cpus",
		`hypervisor.vms.a.cpus = 100000`:           "vms.a.cpus",
		`hypervisor.vms.a.memory = "much"`:         "vms.a.memory",
		`hypervisor.vms.A_b.cpus = 1`:              "hypervisor.vms",
		`hypervisor.vms.a.disks.root.volum = "x"`:  "volum",
		`hypervisor.vms.a.shares.music = { }`:      "share",
		`hypervisor.featureManager.profile = "x"`:  "profile",
		`hypervisor.vms.a.power = true`:            "power",
		`hypervisor.vms.a.nics.lan.mac = "52:54"`:  "mac",
		`hypervisor.featureManager.enabled = [ ]`:  "enabled",
		`hypervisor.vms.a.startup.after = "b"`:     "after",
		`hypervisor.host.name = "not a host name"`: "name",
	} {
		expression := system + "told (config [ on { " + body + "; } ])"
		if _, said, err := nixSays(t, expression); err == nil || !strings.Contains(said, want) {
			t.Errorf("%s: %v %s", body, err, said)
		}
		d, err := config.ReadString(t.Context(), config.Nix, "x.nix", "{ "+body+"; }")
		if err == nil && !config.Check(d, host.Facts{}).Refused() {
			t.Errorf("%s: hv takes it", body)
		}
	}
}

func TestTheFlakeOffersModuleAndPackage(t *testing.T) {
	both(t, func(t *testing.T, ask func(*testing.T, string, any)) {
		var got struct {
			Module  bool           `json:"module"`
			Package map[string]any `json:"package"`
			Systems []string       `json:"systems"`
		}
		ask(t, `let
  lib = import ./test/nixlib // { cleanSource = _: "/source"; platforms.linux = [ "linux" ]; };
  packages.callPackage = file: _: import file { inherit lib; installShellFiles = "installShellFiles"; buildGoModule = a: a; };
  flake = (import ./nix/flake.nix).outputs { self = flake; nixpkgs = { inherit lib; legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (_: packages); }; };
in { module = builtins.isFunction (import flake.nixosModules.default); package = flake.packages.x86_64-linux.default; systems = builtins.attrNames flake.packages; }`, &got)
		hash, _ := got.Package["vendorHash"].(string)
		if !got.Module || got.Package["pname"] != "hyper-nixos" || len(got.Systems) != 2 || !strings.HasPrefix(hash, "sha256-") {
			t.Errorf("%+v", got)
		}
	})
}

// Firmware is where its owner says: that of libvirt, or none.
func TestTheOwnerOfANixOSHostSaysWhereFirmwareIs(t *testing.T) {
	both(t, func(t *testing.T, ask func(*testing.T, string, any)) {
		var got []string
		ask(t, system+`map (m: (config [ on m ]).systemd.services.hvd.serviceConfig.ExecStart) [
			{ services.hyper-nixos.firmware = [ "/run/libvirt/nix-ovmf" ]; }
			{ services.hyper-nixos.firmware = [ ]; } ]`, &got)
		if len(got) != 2 || !strings.HasSuffix(got[0], "/hvd --fetcher /run/hv/fetch.sock --firmware /run/libvirt/nix-ovmf") || !strings.HasSuffix(got[1], "/hvd --fetcher /run/hv/fetch.sock") {
			t.Errorf("%q", got)
		}
	})
}
