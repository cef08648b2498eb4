package storage

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

const noteUID = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

func TestANoteIsReadAsItWasWritten(t *testing.T) {
	v := Volume{Metadata: model.Metadata{Name: "web-root", Project: "default", UID: noteUID}, Spec: VolumeSpec{Size: model.GiB}, File: VolumeFile(noteUID, Raw)}
	object, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Note{Kind: "volume", Owner: "vm/web", Files: []string{v.File}, Object: object}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	n, m, err := ReadNote(noteUID, text)
	if err != nil || m.Name != "web-root" || n.Owner != "vm/web" || string(n.Object) != string(object) {
		t.Errorf("%+v %+v %v", n, m, err)
	}
	for name, change := range map[string][2]string{
		"a later form":         {`"version":1`, `"version":2`},
		"of another":           {`"uid":"6`, `"uid":"7`},
		"a name that is a key": {`"web-root"`, `"../vm/x"`},
		"a kind that is a key": {`"kind":"volume"`, `"kind":"claim/disk"`},
		"a project":            {`"project":"default"`, `"project":"a/b"`},
		"cut":                  {`}`, ``},
	} {
		if _, _, err := ReadNote(noteUID, []byte(strings.Replace(string(text), change[0], change[1], 1))); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func FuzzReadNote(f *testing.F) {
	f.Add([]byte(`{"version":1,"kind":"volume","object":{"name":"a","project":"default","uid":"` + noteUID + `"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, m, err := ReadNote(noteUID, data)
		if err == nil && (strings.ContainsAny(n.Kind+m.Name+m.Project, "/%") || m.UID != noteUID) {
			t.Errorf("%+v %+v passed", n, m)
		}
	})
}
