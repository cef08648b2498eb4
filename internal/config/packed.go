package config

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// packFrom is the size, in bytes, from which a declaration is kept packed: a place for each value makes that of
// thousands of VMs larger than one value of the store may be, and it shrinks to a tenth.
const packFrom = 32 << 10

// PackedField is the member in which a packed declaration is stored: what is in it shows only when it is unpacked.
const PackedField = "packed"

// plainApplied is an Applied without its way to be stored.
type plainApplied Applied

// stored is an Applied as it is stored.
type stored struct {
	plainApplied
	Declaration json.RawMessage `json:"declaration,omitempty"`
	Packed      []byte          `json:"packed,omitempty"` // the declaration by gzip, where it is large
}

// MarshalJSON writes a as it is stored.
func (a Applied) MarshalJSON() ([]byte, error) {
	s := stored{plainApplied: plainApplied(a), Declaration: a.Declaration}
	if len(a.Declaration) >= packFrom {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(a.Declaration); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		s.Declaration, s.Packed = nil, b.Bytes()
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what is stored, no more than may travel.
func (a *Applied) UnmarshalJSON(data []byte) error {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*a = Applied(s.plainApplied)
	a.Declaration = s.Declaration
	if s.Packed == nil {
		return nil
	}
	r, err := gzip.NewReader(bytes.NewReader(s.Packed))
	if err == nil {
		a.Declaration, err = io.ReadAll(io.LimitReader(r, MaxWire+1))
	}
	if err != nil || len(a.Declaration) > MaxWire {
		return fault.New(fault.Unreadable, "generation %d of the declaration cannot be unpacked", a.Generation).Because(err)
	}
	return nil
}
