package fakeqemu

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp/schema"
)

// Recording is what one real QEMU said.
type Recording struct {
	Banner      string                     // of -version
	Greeting    json.RawMessage            // the value of "QMP"
	Answers     map[string]json.RawMessage // of commands whose answers do not depend on the machine
	Devices     []string                   // device models, sorted
	Transcripts []Transcript
	Failures    []Failure

	describe func() (*schema.Schema, error) // its query-qmp-schema, read once
}

// Failure is a start that failed.
type Failure struct {
	Args   []string
	Stderr string
	Code   int
}

// Transcript is a whole conversation.
type Transcript struct {
	Scenario string
	Steps    []Exchange
}

// Exchange is one request and everything that followed, in order. What differs from run to run is
// blotted out (see blot).
type Exchange struct {
	Send string
	Got  []json.RawMessage
	EOF  bool `json:",omitempty"`
}

// transcript finds a conversation by its name.
func (r *Recording) transcript(scenario string) (Transcript, bool) {
	for _, t := range r.Transcripts {
		if t.Scenario == scenario {
			return t, true
		}
	}
	return Transcript{}, false
}

//go:embed testdata/*.json.gz
var testdata embed.FS

// recorded returns the recording of a version, such as "7.2".
func recorded(version string) (*Recording, error) {
	recordings.Lock()
	defer recordings.Unlock()
	if r := recordings.read[version]; r != nil {
		return r, nil
	}
	packed, err := testdata.ReadFile("testdata/qemu-" + version + ".json.gz")
	if err != nil {
		return nil, fmt.Errorf("no recording of QEMU %s: %w", version, err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	r := new(Recording)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, err
	}
	r.describe = sync.OnceValues(func() (*schema.Schema, error) {
		return schema.Read(bytes.NewReader(r.Answers["query-qmp-schema"]))
	})
	recordings.read[version] = r
	return r, nil
}

var recordings = struct {
	sync.Mutex
	read map[string]*Recording
}{read: map[string]*Recording{}}
