package cloudinit

import (
	"bytes"
	_ "embed" // the schemas
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Code is of what cloud-init would not take.
const Code = "HV-GUEST-009"

var (
	//go:embed schema/cloud-config-v1.json
	configSchema []byte
	//go:embed schema/network-config-v2.json
	networkSchema []byte
)

var (
	configRules  = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile("cloud-config.json", configSchema) })
	networkRules = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile("network-config.json", networkSchema) })
)

func compile(name string, text []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // nothing is fetched
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	return c.Compile(name)
}

// Check returns what cloud-init would not take of a VM's words, by its own schemas. What is no cloud-config, a script or
// MIME, is the guest's affair.
func Check(name string, c *vm.CloudInit) finding.List {
	if c == nil {
		return nil
	}
	var out finding.List
	say := func(severity finding.Severity, path, remedy, what string) {
		out = append(out, finding.Finding{
			Code: Code, Severity: severity, Subject: []string{"vm/" + name}, Path: "hypervisor.vms." + name + ".cloudInit." + path,
			What: fmt.Sprintf("vm %q: cloudInit.%s: %s", name, path, what), Remedy: remedy, Source: "the schema of cloud-init 25.1",
		})
	}
	each := func(path, text string, rules func() (*jsonschema.Schema, error)) {
		severity := finding.Refused
		remedy := "mend it, or set cloudInit.unchecked = true where the guest's cloud-init is newer"
		if c.Unchecked {
			severity, remedy = finding.Limited, ""
		}
		for _, what := range against(path, text, rules) {
			say(severity, path, remedy, what)
		}
	}
	files, err := Files(name, "", *c)
	if err != nil {
		say(finding.Refused, "userData", "", err.Error())
		return out
	}
	for path, text := range map[string]string{"userData": string(files[UserData]), "vendorData": c.VendorData} {
		switch {
		case text == "":
		case isConfig(text):
			each(path, text, configRules)
		case !begins(text):
			say(finding.Refused, path, "begin it with #cloud-config, or #! for a script", "its first line says nothing of what it is, and cloud-init passes it over")
		}
	}
	if c.NetworkConfig != "" {
		each("networkConfig", c.NetworkConfig, networkRules)
	}
	out.Sort()
	return out
}

// begins reports whether cloud-init knows what a text is by its first line.
// Source: cloudinit/handlers/__init__.py, INCLUSION_TYPES_MAP; user_data.py.
func begins(text string) bool {
	for _, start := range []string{"#!", "#include", "#cloud-config-archive", "#cloud-config-jsonp", "#cloud-boothook", "#upstart-job", "#part-handler", "## template: jinja", "Content-Type:", "MIME-Version:"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// against holds a text against a schema. cloud-init reads YAML 1.1, where a plain yes is true: what fits either way is
// good.
func against(path, text string, rules func() (*jsonschema.Schema, error)) []string {
	root, found := tree.ReadYAML(path, text)
	if len(found) > 0 {
		return []string{fmt.Sprintf("line %d: %s", found[0].Position.Line, found[0].What)}
	}
	schema, err := rules()
	if err != nil {
		return []string{"the schema cannot be read: " + err.Error()}
	}
	err = schema.Validate(wrapped(path, plain(root, false)))
	if err == nil || schema.Validate(wrapped(path, plain(root, true))) == nil {
		return nil
	}
	return causes(err)
}

// wrapped: a network config stands below "network" in the schema, and need not in its file.
func wrapped(path string, v any) any {
	if m, ok := v.(map[string]any); ok && path == "networkConfig" && m["network"] == nil {
		return map[string]any{"network": v}
	}
	return v
}

// maxCauses is how many of the things that a schema minds are told.
const maxCauses = 8

// causes are the innermost things that are wrong.
func causes(err error) []string {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []string{err.Error()}
	}
	var out []string
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, c := range e.Causes {
			walk(c)
		}
		if len(e.Causes) > 0 || len(out) >= maxCauses {
			return
		}
		text := e.Error()
		if i := strings.LastIndex(text, "\n"); i >= 0 {
			text = text[i+1:]
		}
		text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "-"))
		where := strings.Join(e.InstanceLocation, ".")
		if _, what, ok := strings.Cut(text, "': "); ok {
			text = what
		}
		if where != "" {
			text = where + ": " + text
		}
		out = append(out, text)
	}
	walk(v)
	return out
}

// plain is a tree as encoding/json has it; with old, strings that YAML 1.1 takes for truth values are those.
func plain(n tree.Node, old bool) any {
	switch n.Kind {
	case tree.Object:
		out := make(map[string]any, len(n.Members))
		for _, m := range n.Members {
			out[m.Name] = plain(m.Value, old)
		}
		return out
	case tree.List:
		out := make([]any, 0, len(n.Items))
		for _, i := range n.Items {
			out = append(out, plain(i, old))
		}
		return out
	case tree.Flag:
		return n.Flag
	case tree.Whole, tree.Fraction:
		return json.Number(n.Text)
	case tree.Null:
		return nil
	case tree.Text, tree.Path:
	}
	if old {
		switch strings.ToLower(n.Text) {
		case "yes", "on":
			return true
		case "no", "off":
			return false
		}
	}
	return n.Text
}
