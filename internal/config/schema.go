package config

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// SchemaID names the schema of the declaration in its v1 form.
const SchemaID = "urn:hyper-nixos:schema:v1:declaration"

// Schema returns the JSON Schema (draft 2020-12) of a declaration, which holds for all three forms.
// docs/declaration.schema.json is this, checked fresh.
func Schema() []byte {
	root := theShape().schema()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = SchemaID
	root["title"] = "Hyper-NixOS host declaration"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic(err) // maps, strings and numbers always encode
	}
	return b.Bytes()
}

func (s *shape) schema() map[string]any {
	out := map[string]any{}
	if s.note.doc != "" {
		out["description"] = s.note.doc
	}
	switch s.form {
	case formObject:
		s.objectSchema(out)
	case formMap:
		out["type"] = "object"
		out["additionalProperties"] = s.elem.schema()
		out["maxProperties"] = s.most(maxKeys)
		if s.note.pattern != "" {
			out["propertyNames"] = map[string]any{"pattern": s.note.pattern}
		}
	case formList:
		out["type"] = "array"
		out["items"] = s.elem.schema()
		out["maxItems"] = s.most(maxItems)
	case formText:
		s.textSchema(out)
	case formWhole:
		out["type"] = "integer"
		s.rangeSchema(out)
	case formFlag:
		out["type"] = "boolean"
	case formSize:
		number := map[string]any{"type": "integer"}
		s.rangeSchema(number)
		out["anyOf"] = []any{number, map[string]any{"type": "string", "pattern": sizePattern}}
		out["examples"] = []string{(2 * model.GiB).String()}
	}
	return out
}

// sizePattern is what model.ParseBytes reads; it refuses more (fractions of a byte, 8 EiB).
const sizePattern = `^\s*[0-9]*\.?[0-9]+\s*([PTGMKptgmk]|[PTGMK]iB|B)?\s*$`

func (s *shape) objectSchema(out map[string]any) {
	keys := map[string]any{}
	var required []string
	for _, f := range s.fields {
		keys[f.name] = f.shape.schema()
		if f.shape.note.required {
			required = append(required, f.name)
		}
	}
	out["type"], out["properties"], out["additionalProperties"] = "object", keys, false
	if len(required) > 0 {
		slices.Sort(required)
		out["required"] = required
	}
	var some []any
	for _, key := range s.note.some {
		some = append(some, map[string]any{"required": []string{key}})
	}
	if len(some) > 0 {
		out["anyOf"] = some
	}
}

func (s *shape) textSchema(out map[string]any) {
	out["type"] = "string"
	switch {
	case len(s.note.older) > 0:
		out["anyOf"] = []any{map[string]any{"enum": s.note.enum}, map[string]any{"enum": s.note.older, "deprecated": true}}
	case len(s.note.enum) > 0:
		out["enum"] = s.note.enum
	case s.note.pattern != "":
		out["pattern"] = s.note.pattern
	default:
		out["maxLength"] = maxText
	}
}

func (s *shape) rangeSchema(out map[string]any) {
	if s.note.high > 0 {
		out["minimum"], out["maximum"] = s.note.low, s.note.high
	}
}

func (s *shape) most(otherwise int) int {
	if s.note.most > 0 {
		return s.note.most
	}
	return otherwise
}
