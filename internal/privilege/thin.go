package privilege

import "regexp"

// The verbs of pools of kind lvm-thin. hv-helper touches thin pools that root has tagged with ThinTag, and of what is in them only
// volumes that it has made itself, which bear the tag too: hvd names none of anybody else's.
const (
	VerbThinPool   Verb = "thin-pool"   // ThinPool → ThinPoolReply: the pool, and what of ours is in it
	VerbThinChange Verb = "thin-change" // ThinChange → nothing
	VerbThinOpen   Verb = "thin-open"   // ThinOpen → the volume's block device as fd
)

// ThinTag is what root says of a thin pool by: hv-helper may keep volumes in it. The volumes bear it, and while one is
// being made, or has no object yet, the state behind a dot.
const ThinTag = "hyper-nixos"

// ThinNotes is the name of the one volume that holds notes.
const ThinNotes = "notes"

// ThinState is what a volume is while not all is said of it.
type ThinState string

// The states of a thin volume; none for one that an object names.
const (
	ThinMaking   ThinState = "making"
	ThinArriving ThinState = "arriving"
)

// ThinDo is what is done to a thin volume.
type ThinDo string

// What can be done. Each may be done again.
const (
	ThinMake   ThinDo = "make"   // of Size, which is being made: ThinMaking
	ThinClone  ThinDo = "clone"  // of From, whole
	ThinSet    ThinDo = "set"    // State, in place of the one before
	ThinGrow   ThinDo = "grow"   // to Size; never smaller
	ThinRemove ThinDo = "remove" //
)

// ThinPlace names a thin pool.
type ThinPlace struct {
	Group string `json:"group"` // of volumes
	Pool  string `json:"pool"`
}

// ThinPool asks for a thin pool and the volumes whose names come after one; or for one volume alone.
type ThinPool struct {
	ThinPlace
	After string `json:"after,omitempty"`
	Only  string `json:"only,omitempty"`
}

// ThinPoolReply is how a thin pool stands.
type ThinPoolReply struct {
	Bytes          int64        `json:"bytes"`
	DataPercent    float64      `json:"dataPercent"`
	MetaPercent    float64      `json:"metaPercent"`
	Extent         int64        `json:"extent"` // sizes are multiples of it
	Volumes        []ThinVolume `json:"volumes"`
	Next           string       `json:"next,omitempty"` // ask again after this one; empty at the end
	ErrorsWhenFull bool         `json:"errorsWhenFull"` // at once; else what writes to a full pool waits for a minute
}

// ThinVolume is one volume of ours.
type ThinVolume struct {
	Name      string    `json:"name"`
	Bytes     int64     `json:"bytes"`
	Allocated int64     `json:"allocated"`
	State     ThinState `json:"state,omitempty"`
}

// ThinChange changes one volume.
type ThinChange struct {
	ThinPlace
	Do    ThinDo    `json:"do"`
	Name  string    `json:"name"`
	From  string    `json:"from,omitempty"`
	Bytes int64     `json:"bytes,omitempty"`
	State ThinState `json:"state,omitempty"`
}

// ThinOpen opens one volume.
type ThinOpen struct {
	ThinPlace
	Name     string `json:"name"`
	ReadOnly bool   `json:"readOnly,omitempty"`
	Begun    bool   `json:"begun,omitempty"` // also one that is still being made
}

// MaxThinBytes bounds a thin volume.
const MaxThinBytes = 1 << 50

var (
	lvmName  = regexp.MustCompile(`^[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}$`)
	thinName = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.raw|` + ThinNotes + `)$`)
)

// IsLVMName reports whether LVM would take s as a name. Source: lvm(8), "Valid names".
func IsLVMName(s string) bool { return lvmName.MatchString(s) && s != "." && s != ".." }

// IsThinName reports whether s is the name of a volume of ours.
func IsThinName(s string) bool { return thinName.MatchString(s) }
