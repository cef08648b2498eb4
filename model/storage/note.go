package storage

import (
	"encoding/json"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// NoteVersion is that of the form of notes. One of a later form is told and left alone.
const NoteVersion = 1

// Note is what stands on a pool beside the content, so that what the store knew of it can be rebuilt.
type Note struct {
	Version int             `json:"version"`
	Kind    string          `json:"kind"`            // of the object: "volume", "snapshot", "image", "pool"
	Owner   string          `json:"owner,omitempty"` // who used it when this was written: "vm/web"
	Files   []string        `json:"files,omitempty"` // its content, as POOL/FILE
	Object  json.RawMessage `json:"object"`          // as the store has it
}

// Encode returns the note as it stands on the pool: the same note is always the same bytes.
func (n Note) Encode() ([]byte, error) {
	n.Version = NoteVersion
	out, err := json.Marshal(n)
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot encode the note of a %s", n.Kind).Because(err)
	}
	return append(out, '\n'), nil
}

// ReadNote reads a note, and of whom it is. Nothing in it is trusted: whoever could write to the pool could write
// it; names are checked before they become keys.
func ReadNote(uid string, data []byte) (Note, model.Metadata, error) {
	var n Note
	var m model.Metadata
	refuse := func(why string, cause error) (Note, model.Metadata, error) {
		return Note{}, model.Metadata{}, fault.New(fault.Unreadable, "the note %s.json %s", uid, why).Because(cause)
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return refuse("is not JSON", err)
	}
	if n.Version != NoteVersion {
		return Note{}, m, fault.New(fault.Unreadable, "the note %s.json has form %d, and this build reads %d", uid, n.Version, NoteVersion)
	}
	if err := json.Unmarshal(n.Object, &m); err != nil {
		return refuse("holds no object", err)
	}
	if m.UID != uid {
		return Note{}, m, fault.New(fault.Invalid, "the note %s.json is of another object, %.40q", uid, m.UID)
	}
	if err := model.CheckName("kind", n.Kind); err != nil {
		return refuse("is of no kind", err)
	}
	if err := model.CheckName("name", m.Name); err != nil {
		return refuse("is of an object with no name", err)
	}
	if m.Project != "-" {
		if err := model.CheckName("project", m.Project); err != nil {
			return refuse("is of an object in no project", err)
		}
	}
	return n, m, nil
}
