package nixlang

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// someOptions is a small declaration with an option of every form.
var someOptions = &Option{Form: Group, Fields: map[string]*Option{
	"host": {Form: Group, Fields: map[string]*Option{"name": {}, "size": {}}},
	"list": {Form: Many},
	"some": {Form: Many, Nullable: true},
	"vms": {Form: Named, Elem: &Option{Form: Submodule, Fields: map[string]*Option{
		"cpus": {}, "after": {Form: Many}, "labels": {Form: Named, Elem: &Option{}},
		"boot": {Form: Submodule, Nullable: true, Fields: map[string]*Option{"kernel": {}}},
	}}},
}}

// modules evaluates host.nix of files as a declaration, to JSON or an error with its place.
func modules(files map[string]string) string {
	ctx := context.Background()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	v, err := EvalFile(ctx, "host.nix", Options{Files: fsys, Limits: Limits{Steps: 1_000_000}})
	if err == nil {
		v, err = Module(ctx, v, someOptions)
	}
	var n *Node
	if err == nil {
		n, err = v.Deep(ctx)
	}
	if err != nil {
		return fmt.Sprint(err, " | ", fault.HintOf(err))
	}
	text, _ := n.MarshalJSON()
	return string(text)
}

func TestDefinitionsComeTogetherAsInNixOS(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"a default yields":                  {`{ host = lib.mkMerge [ { name = lib.mkDefault "a"; } { name = "b"; } ]; }`, `{"host":{"name":"b"}}`},
		"force wins":                        {`{ host = lib.mkMerge [ { name = lib.mkForce "a"; } { name = "b"; } ]; }`, `{"host":{"name":"a"}}`},
		"a lower number wins":               {`{ host = lib.mkMerge [ { name = lib.mkOverride 49 "a"; } { name = lib.mkForce "b"; } ]; }`, `{"host":{"name":"a"}}`},
		"equal values are no conflict":      {`{ host = lib.mkMerge [ { name = "a"; } { name = "a"; } ]; }`, `{"host":{"name":"a"}}`},
		"a priority on a group":             {`lib.mkMerge [ { host = lib.mkForce { name = "a"; }; } { host.name = "b"; host.size = 1; } ]`, `{"host":{"name":"a","size":1}}`},
		"a priority on an option":           {`lib.mkMerge [ { vms = lib.mkForce { a.cpus = 1; }; } { vms.b.cpus = 2; } ]`, `{"vms":{"a":{"cpus":1}}}`},
		"a priority on a named set":         {`lib.mkMerge [ { vms.a = lib.mkForce { cpus = 1; }; } { vms.a.after = [ "x" ]; vms.b = { }; } ]`, `{"vms":{"a":{"cpus":1},"b":{}}}`},
		"a condition that does not hold":    {`{ host.name = lib.mkIf false (throw "asked"); list = [ 1 ]; }`, `{"host":{},"list":[1]}`},
		"a condition around everything":     {`lib.mkIf (config.list == [ 1 ]) { host.name = "a"; } // { }`, `{"host":{}}`},
		"a condition on another option":     {`lib.mkMerge [ { list = [ 1 ]; } (lib.mkIf (config.list == [ 1 ]) { host.name = "a"; }) ]`, `{"host":{"name":"a"},"list":[1]}`},
		"a named set that is not there":     {`{ vms.a = lib.mkIf false { }; vms.b = { }; }`, `{"vms":{"b":{}}}`},
		"an element that is not there":      {`{ list = [ (lib.mkIf false 1) (lib.mkIf true 2) ]; }`, `{"list":[2]}`},
		"lists are joined":                  {`{ list = lib.mkMerge [ [ 1 ] [ 2 ] (lib.mkBefore [ 0 ]) ]; }`, `{"list":[0,1,2]}`},
		"and have an order":                 {`{ list = lib.mkMerge [ (lib.mkAfter [ 3 ]) (lib.mkOrder 999 [ 1 ]) [ 2 ] (lib.mkBefore [ 0 ]) ]; }`, `{"list":[0,1,2,3]}`},
		"order inside of force":             {`{ list = lib.mkMerge [ (lib.mkForce (lib.mkAfter [ 3 ])) (lib.mkForce [ 2 ]) [ 1 ] ]; }`, `{"list":[2,3]}`},
		"config has what nobody defined":    {`{ host.size = builtins.length config.list; vms.n = { labels.x = builtins.toJSON [ config.host.name config.some config.vms.n.boot ]; }; }`, `{"host":{"size":0},"vms":{"n":{"labels":{"x":"[null,null,null]"}}}}`},
		"an empty list may be meant":        {`{ some = [ ]; list = [ ]; }`, `{"list":[],"some":[]}`},
		"null is not defined":               {`{ host.name = null; vms.a.boot = null; }`, `{"host":{},"vms":{"a":{}}}`},
		"one VM made of another":            {`{ vms.a.cpus = 2; vms.b.cpus = config.vms.a.cpus * 2; }`, `{"vms":{"a":{"cpus":2},"b":{"cpus":4}}}`},
		"unknown names come through":        {`{ other = lib.mkMerge [ { a.b = 1; } { a.c = lib.mkIf true 2; } ]; }`, `{"other":{"a":{"b":1,"c":2}}}`},
		"assertions of one's own":           {`lib.mkAssert (1 == 1) "sums" { host.size = 1; }`, `{"host":{"size":1}}`},
		"a conflict":                        {`{ host = lib.mkMerge [ { name = "a"; } { name = "b"; } ]; }`, `host.nix:1:64: 'host.name' is "b" here and "a" at host.nix:1:48, and neither has priority | put lib.mkForce before the one that is to win, or lib.mkDefault before the one that is to yield`},
		"a conflict of sorts":               {`{ vms = lib.mkMerge [ { a.cpus = [ 1 ]; } { a.cpus = 1; } ]; }`, `'vms.a.cpus' is a list here and 1 at host.nix:1:69`},
		"a group that is a string":          {`{ host = "a"; }`, `{"host":"a"}`},
		"values that need each other":       {`{ host.name = config.host.name; }`, `infinite recursion encountered`},
		"an assertion that does not hold":   {`lib.mkAssert (1 == 2) "sums" { host.size = 1; }`, `assertion failed: sums`},
		"a priority that is none":           {`{ host.name = lib.mkOverride 0 "a"; }`, `the priority 0 is not between 1 and`},
		"a condition that is no Boolean":    {`{ host.name = lib.mkIf 1 "a"; }`, `host.nix:1:30: value is an integer while a Boolean was expected`},
		"imports that hang on config":       {`{ imports = lib.optional (config.list == [ ]) ./a.nix; }`, `cannot depend on config | put the condition into the values: lib.mkIf`},
		"names that hang on config":         {`if config.list == [ ] then { } else { host.name = "a"; }`, `cannot depend on config`},
		"a module that imports for ever":    {`let m = { imports = [ m ]; }; in m`, `more than 1000 modules are imported`},
		"properties inside each other":      {`let m = lib.mkIf true m; in { host.name = m; }`, `limit`},
		"a set that holds itself":           {`let x = { a = x; }; in { other = x; }`, `limit`},
		"options are given":                 {`{ options.x = 1; }`, `'options' is not available here`},
		"arguments of modules":              {`{ _module.args.x = 1; }`, `'_module' is not available here`},
		"an import of something else":       {`{ imports = [ 1 ]; }`, `a declaration is a set or a function that gives one, and this is an integer`},
		"an import that is not there":       {`{ imports = [ ./no.nix ]; }`, `cannot read no.nix: file does not exist`},
		"an import from outside":            {`{ imports = [ ../no.nix ]; }`, `leaves the declared folder`},
		"a name that is not in config":      {`{ host.name = config.networking.hostName; }`, `attribute 'networking' missing`},
		"a default for a whole VM":          {`{ vms = lib.mkMerge [ { a = lib.mkDefault { cpus = 1; }; } { a.after = [ "b" ]; } ]; }`, `{"vms":{"a":{"after":["b"]}}}`},
		"merge, if and force in each other": {`{ vms.a = lib.mkMerge [ (lib.mkIf true (lib.mkMerge [ { cpus = lib.mkForce 1; } ])) { cpus = 2; } ]; }`, `{"vms":{"a":{"cpus":1}}}`},
	} {
		got := modules(map[string]string{"host.nix": "{ config, lib, ... }: " + c.body})
		if ok := got == c.want || !strings.HasPrefix(c.want, "{") && strings.Contains(got, c.want); !ok {
			t.Errorf("%s: %s\n got %s\nwant %s", name, c.body, got, c.want)
		}
	}
}

func TestModulesImportFilesAndEachOther(t *testing.T) {
	files := map[string]string{
		"host.nix":        `{ imports = [ ./a.nix ./sub { list = [ "inline" ]; } ]; list = [ "host" ]; host.name = "h"; }`,
		"a.nix":           `{ config, lib, ... }: { imports = [ ./host.nix ./sub/default.nix ]; list = [ "a" ]; host.name = lib.mkDefault "a"; }`,
		"sub/default.nix": `{ lib, ... }: { imports = [ ../c.nix ]; list = [ "sub" ]; vms.x = { cpus = 2; }; }`,
		"c.nix":           `{ config, ... }: { config = { list = [ "c" ]; vms.y.cpus = config.vms.x.cpus; }; }`,
	}
	// The order of the lists is that of NixOS: what is imported last comes first, the first file last.
	const want = `{"host":{"name":"h"},"list":["c","inline","sub","a","host"],"vms":{"x":{"cpus":2},"y":{"cpus":2}}}`
	if got := modules(files); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	files["c.nix"] = "{\n  host.name = \"c\";\n}"
	if got, want := modules(files), `'host.name' is "h" here and "c" at c.nix:2:8`; !strings.Contains(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhatModulesDefineKeepsItsPlace(t *testing.T) {
	fsys := fstest.MapFS{
		"host.nix": {Data: []byte("{ lib, ... }: {\n  imports = [ ./a.nix ];\n  vms.web.cpus = lib.mkForce 2;\n}")},
		"a.nix":    {Data: []byte("{\n  vms.web.cpus = 1;\n  vms.web.after = [\n    \"x\"\n  ];\n}")},
	}
	v, err := EvalFile(t.Context(), "host.nix", Options{Files: fsys})
	if err != nil {
		t.Fatal(err)
	}
	if v, err = Module(t.Context(), v, someOptions); err != nil {
		t.Fatal(err)
	}
	n, err := v.Deep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	web := n.Attrs["vms"].Attrs["web"]
	if got := web.Attrs["cpus"].Pos.String(); got != "host.nix:3:11" {
		t.Errorf("cpus: %s", got)
	}
	if got := web.Attrs["after"].List[0].Pos.String(); got != "a.nix:4:5" {
		t.Errorf("after: %s", got)
	}
}
