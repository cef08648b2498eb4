package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Write returns d as a file of that format, which reads back as d: keys in the order of the schema, sizes with
// their units. What a value does not have is lost: comments, and how it was computed.
func (d Declaration) Write(f Format) ([]byte, error) {
	return writeAs(f, d.Value())
}

// Value is what d says, as JSON in the order of the schema, for people and for other programs.
func (d Declaration) Value() json.RawMessage {
	var b bytes.Buffer
	write(&b, theShape(), reflect.ValueOf(d.document()))
	return b.Bytes()
}

// WriteVMs returns VMs as a declaration has them.
func WriteVMs(all []vm.Definition, f Format) ([]byte, error) {
	d := Declaration{VMs: map[string]vm.Definition{}}
	for _, def := range all {
		d.VMs[def.Name] = def
	}
	return d.Write(f)
}

func writeAs(f Format, value []byte) ([]byte, error) {
	switch f {
	case tree.Nix:
		return nixlang.FromJSON(value)
	case tree.YAML:
		return tree.YAMLFromJSON(value)
	case tree.JSON:
		var b bytes.Buffer
		if err := json.Indent(&b, value, "", "  "); err != nil {
			return nil, fault.New(fault.Internal, "cannot write the declaration").Because(err)
		}
		b.WriteByte('\n')
		return b.Bytes(), nil
	}
	return nil, fault.New(fault.Invalid, "there is no format %q", string(f)).Try("use nix, json or yaml")
}

// write puts v, which s describes, into b. What is absent in the Go type is left out.
func write(b *bytes.Buffer, s *shape, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch s.form {
	case formObject:
		writeObject(b, s, v)
	case formMap:
		b.WriteByte('{')
		for i, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(x, y reflect.Value) int { return bytes.Compare([]byte(x.String()), []byte(y.String())) }) {
			comma(b, i)
			writeText(b, key.String())
			b.WriteByte(':')
			write(b, s.elem, v.MapIndex(key))
		}
		b.WriteByte('}')
	case formList:
		b.WriteByte('[')
		for i := range v.Len() {
			comma(b, i)
			write(b, s.elem, v.Index(i))
		}
		b.WriteByte(']')
	case formText:
		writeText(b, v.String())
	case formWhole:
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case formFlag:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case formSize:
		writeSize(b, model.Bytes(v.Int()))
	}
}

func writeObject(b *bytes.Buffer, s *shape, v reflect.Value) {
	b.WriteByte('{')
	n := 0
	for _, f := range s.fields {
		value := v.FieldByIndex(f.index)
		if absent(value) || f.shape.path == "hypervisor.vms.*.name" { // the key is the name
			continue
		}
		comma(b, n)
		n++
		writeText(b, f.name)
		b.WriteByte(':')
		write(b, f.shape, value)
	}
	b.WriteByte('}')
}

// absent reports whether v was not given: a pointer tells an empty value from none, nothing else does.
func absent(v reflect.Value) bool {
	switch v.Kind() { //nolint:exhaustive // all others are compared with their zero value
	case reflect.Pointer:
		return v.IsNil()
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	}
	return v.IsZero()
}

// writeSize writes a size with its unit where that says it exactly.
func writeSize(b *bytes.Buffer, size model.Bytes) {
	if again, err := model.ParseBytes(size.String()); err == nil && again == size {
		writeText(b, size.String())
		return
	}
	b.WriteString(strconv.FormatInt(int64(size), 10))
}

func writeText(b *bytes.Buffer, s string) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	b.Write(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

func comma(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}
