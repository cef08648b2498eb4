package rest

import (
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// newSchemas is the registry of schemas, in which the words of model are named after their folder:
// vm.Spec is VMSpec.
func newSchemas() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", schemaName)
	alias[model.Bytes, sizeWord](r)
	alias[vm.State, stateWord](r)
	alias[operation.State, progressWord](r)
	alias[finding.Severity, severityWord](r)
	alias[model.Origin, originWord](r)
	return r
}

func alias[T, As any](r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[T](), reflect.TypeFor[As]())
}

func schemaOf[T any](s *server) *huma.Schema {
	return s.schema.Schema(reflect.TypeFor[T](), true, "")
}

var prefixes = map[string]string{"vm": "VM", "operation": "Operation", "host": "Host"}

func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if generic, arg, ok := strings.Cut(t.Name(), "["); ok { // page[…/wire.VMSummary]
		arg = strings.TrimSuffix(arg[strings.LastIndexAny(arg, "./")+1:], "]")
		return arg + strings.ToUpper(generic[:1]) + generic[1:]
	}
	prefix, ok := prefixes[path.Base(t.PkgPath())]
	if !ok || t.Name() == "" || strings.HasPrefix(name, prefix) {
		return name
	}
	return prefix + name
}

// The schemas of words that are more than their Go kind. What is sent to us is checked by actions,
// which say it better.
type (
	sizeWord     struct{}
	stateWord    struct{}
	progressWord struct{}
	severityWord struct{}
	originWord   struct{}
)

// Schema tells both forms of a size. They stand in an extension so that a wrong one is told by
// model.Bytes itself.
func (sizeWord) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "bytes; read also from a text with an IEC unit, such as 2GiB",
		Extensions: map[string]any{"anyOf": []any{
			map[string]any{"type": "integer", "format": "int64", "minimum": 0},
			map[string]any{"type": "string", "examples": []string{"2GiB"}},
		}},
	}
}

// Schema tells the states of a VM.
func (stateWord) Schema(huma.Registry) *huma.Schema { return words(vm.States()...) }

// Schema tells the states of an operation.
func (progressWord) Schema(huma.Registry) *huma.Schema {
	return words(operation.Pending, operation.Running, operation.Done, operation.Failed, operation.Cancelled, operation.Superseded)
}

// Schema tells the severities of a finding.
func (severityWord) Schema(huma.Registry) *huma.Schema {
	return words(finding.Refused, finding.Unavailable, finding.Waiting, finding.Limited, finding.Consequence, finding.Advice)
}

// Schema tells the origins of an object.
func (originWord) Schema(huma.Registry) *huma.Schema {
	return words(model.Declared, model.Manual, model.Released)
}

func words[T ~string](all ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, w := range all {
		s.Enum = append(s.Enum, string(w))
	}
	return s
}

// opened lets answers have fields that a client does not know yet: within v1 fields are added. What
// is sent to us stays closed, so that a misspelt key is told.
func (s *server) opened() {
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own, which are never sent
		delete(s.schema.Map(), unused)
	}
	sent := map[string]bool{}
	for _, item := range s.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Post, item.Put, item.Patch} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Content {
				s.reach(media.Schema, sent)
			}
		}
	}
	for name, schema := range s.schema.Map() {
		if closed, ok := schema.AdditionalProperties.(bool); ok && !closed && !sent[name] {
			schema.AdditionalProperties = nil
		}
	}
}

// reach notes the names of all schemas that a schema is made of.
func (s *server) reach(schema *huma.Schema, names map[string]bool) {
	if schema == nil {
		return
	}
	if name := path.Base(schema.Ref); schema.Ref != "" && !names[name] {
		names[name] = true
		s.reach(s.schema.SchemaFromRef(schema.Ref), names)
	}
	s.reach(schema.Items, names)
	if values, ok := schema.AdditionalProperties.(*huma.Schema); ok {
		s.reach(values, names)
	}
	for _, p := range schema.Properties {
		s.reach(p, names)
	}
}
