package wire_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

var update = flag.Bool("update", false, "write down fields that are new")

const promised = "testdata/v1-fields.txt"

// What travels: the bodies of requests and answers.
var v1 = map[string]any{
	"AuditRecord": wire.AuditRecord{}, "BootFile": wire.BootFile{}, "Config": wire.Config{}, "ConfigStatus": wire.ConfigStatus{}, "Generations": wire.Generations{}, "Rollback": wire.Rollback{}, "CreateVolume": wire.CreateVolume{}, "CloneVM": wire.CloneVM{}, "CreateImage": wire.CreateImage{}, "CreatePool": wire.CreatePool{}, "Pool": wire.Pool{}, "Environments": wire.Environments{}, "CreateEnvironment": wire.CreateEnvironment{}, "ImageIndex": wire.ImageIndex{}, "AddImageIndex": wire.AddImageIndex{}, "ImageOffers": wire.ImageOffers{},
	"Event": wire.Event{}, "Features": wire.Features{}, "Host": wire.Host{}, "MediumOptions": wire.MediumOptions{}, "Operation": operation.Operation{}, "Page": wire.Page{},
	"Preview": wire.Preview{}, "Problem": wire.Problem{}, "VM": wire.VM{}, "VMDefinition": vm.Definition{}, "VMSummary": wire.VMSummary{},
	"Phase": wire.Phase{}, "Harden": wire.Harden{}, "Unlock": wire.Unlock{}, "MoveVolume": wire.MoveVolume{}, "ResizeVolume": wire.ResizeVolume{}, "TrashedVolume": wire.TrashedVolume{}, "VerbOptions": wire.VerbOptions{}, "Version": wire.Version{}, "Volume": wire.Volume{},
}

// Within v1 fields are added, never renamed or removed, and keep their JSON type. The list of fields
// grows with -update; it shrinks by no flag.
func TestFieldsOfV1AreNeverRenamedOrRemoved(t *testing.T) {
	var have []string
	for name, body := range v1 {
		have = append(have, fields(name, reflect.TypeOf(body), nil)...)
	}
	slices.Sort(have)
	have = slices.Compact(have)
	text, err := os.ReadFile(promised)
	if err != nil && !*update {
		t.Fatal(err)
	}
	old := strings.Fields(strings.ReplaceAll(string(text), " ", "\x00"))
	var lost, added []string
	for _, line := range old {
		if line = strings.ReplaceAll(line, "\x00", " "); !slices.Contains(have, line) {
			lost = append(lost, line)
		}
	}
	for _, line := range have {
		if !slices.Contains(old, strings.ReplaceAll(line, " ", "\x00")) {
			added = append(added, line)
		}
	}
	if len(lost) > 0 {
		t.Errorf("v1 has promised these fields, and they are gone or of another type:\n%s", strings.Join(lost, "\n"))
		return
	}
	if len(added) > 0 && !*update {
		t.Errorf("new fields, promised from now on; go test ./wire -update writes them down:\n%s", strings.Join(added, "\n"))
	}
	if *update {
		if err := os.WriteFile(promised, []byte(strings.Join(have, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fields lists the paths of all fields of a JSON body with their JSON types.
func fields(path string, t reflect.Type, above []reflect.Type) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if kind := scalar(t); kind != "" {
		return []string{path + " " + kind}
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return fields(path+"[]", t.Elem(), above)
	case reflect.Map:
		return fields(path+".*", t.Elem(), above)
	default: // a struct
	}
	if slices.Contains(above, t) {
		return nil
	}
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			out = append(out, fields(path, f.Type, append(above, t))...)
		case name != "-" && f.IsExported():
			if name == "" {
				name = f.Name
			}
			out = append(out, fields(path+"."+name, f.Type, append(above, t))...)
		}
	}
	return out
}

// scalar is the JSON type of what has no fields of its own; empty for what has.
func scalar(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return "any"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
		return ""
	default:
		return "number"
	}
}

func TestASummaryIsSmall(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	data, err := json.Marshal(wire.VMSummary{
		Name: "web-frontend", Project: "default", UID: "6b1f9ac2-6a4e-4b0f-9d7f-0123456789ab", State: vm.StateRunning, Wish: vm.On,
		CPUs: 4, Memory: 4 << 30, Accel: vm.KVM, Since: &now, Origin: "declared", Created: now,
	})
	if err != nil || len(data) > 300 || !bytes.Contains(data, []byte(`"state":"running"`)) {
		t.Errorf("%d bytes, %v: %s", len(data), err, data)
	}
}
