package storage

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// PoolKind says what keeps a pool's volumes.
type PoolKind string

// The kinds of pools.
const (
	Dir     PoolKind = "dir"      // files in a folder
	LVMThin PoolKind = "lvm-thin" // thin logical volumes of LVM
)

// Capabilities are what a pool can do, as data: who wants something asks the capability and never the kind.
type Capabilities struct {
	Formats   []Format    `json:"formats"`             // in which it can keep a volume
	Reflink   bool        `json:"reflink,omitempty"`   // a full copy shares its blocks with the original, and is there at once
	Overlays  bool        `json:"overlays,omitempty"`  // a layer can stand on another: linked clones, snapshots of the product's own
	Thin      bool        `json:"thin,omitempty"`      // a volume takes room as it is written to
	Grow      bool        `json:"grow,omitempty"`      // a volume can grow, also while a VM has it open
	Shared    bool        `json:"shared,omitempty"`    // other hosts see the same volumes
	Block     bool        `json:"block,omitempty"`     // volumes are block devices, not files
	Direct    bool        `json:"direct,omitempty"`    // files are read and written past the page cache (O_DIRECT)
	Discard   bool        `json:"discard,omitempty"`   // room in the middle of a volume can be given back
	Exclusive bool        `json:"exclusive,omitempty"` // it knows which part of a volume's room nothing shares
	Step      model.Bytes `json:"step"`                // sizes are multiples of it
}

// Holds reports whether a volume of the format can be kept.
func (c Capabilities) Holds(f Format) bool { return slices.Contains(c.Formats, f) }

// Round returns the size that a volume of at least n bytes has.
func (c Capabilities) Round(n model.Bytes) model.Bytes {
	step := max(c.Step, 512)
	return (n + step - 1) / step * step
}

// kinds are what pools of each kind can do before one is probed: what depends on what is below (a file
// system with reflinks) is left out, and found out when the pool is opened.
var kinds = map[PoolKind]Capabilities{
	Dir:     {Formats: []Format{Raw, QCOW2}, Overlays: true, Thin: true, Grow: true, Step: 512},
	LVMThin: {Formats: []Format{Raw}, Reflink: true, Thin: true, Grow: true, Block: true, Direct: true, Discard: true, Step: 4 * model.MiB},
}

// PoolKinds are the kinds of pools, in order.
func PoolKinds() []PoolKind { return []PoolKind{Dir, LVMThin} }

// Can returns what every pool of the kind can do.
func (k PoolKind) Can() Capabilities {
	c := kinds[k]
	c.Formats = slices.Clone(c.Formats)
	return c
}

// The watermarks and the retention of a pool that names none.
const (
	DefaultWarn      = 80 // percent
	DefaultStop      = 95
	DefaultRetention = "7d"
)

// PoolSpec is what is wished of a pool. It is root's: the one place where storage names a path.
type PoolSpec struct {
	Kind        PoolKind `json:"kind,omitempty"`        // dir when absent
	Path        string   `json:"path,omitempty"`        // dir: the folder
	VolumeGroup string   `json:"volumeGroup,omitempty"` // lvm-thin
	ThinPool    string   `json:"thinPool,omitempty"`    // lvm-thin: the logical volume that is the thin pool
	WarnPercent int      `json:"warnPercent,omitempty"` // of its room is used: told; 80 when absent
	StopPercent int      `json:"stopPercent,omitempty"` // of its room is used: nothing new is made in it; 95 when absent
	Retention   string   `json:"retention,omitempty"`   // how long what is deleted lies in the trash: 7d when absent, 0 for no trash
}

// Effective returns the spec with what stands for what it leaves out.
func (s PoolSpec) Effective() PoolSpec {
	s.Kind = cmp.Or(s.Kind, Dir)
	s.WarnPercent = cmp.Or(s.WarnPercent, min(DefaultWarn, cmp.Or(s.StopPercent, DefaultWarn)))
	s.StopPercent = cmp.Or(s.StopPercent, max(DefaultStop, s.WarnPercent))
	s.Retention = cmp.Or(s.Retention, DefaultRetention)
	return s
}

// Where says in a few words where the pool's volumes are; empty for the default pool, which is a folder of hvd's own.
func (s PoolSpec) Where() string {
	if s.Effective().Kind == LVMThin {
		return s.VolumeGroup + "/" + s.ThinPool
	}
	return s.Path
}

// TrashFor is how long what is deleted lies in the trash.
func (s PoolSpec) TrashFor() time.Duration {
	d, _ := parseRetention(s.Effective().Retention) // checked when it was written
	return d
}

// Pool is a stored pool. It exists once on a host and in no project.
type Pool struct {
	model.Metadata
	Spec PoolSpec `json:"spec"`
}

// PoolStatus is what was seen of a pool, written by reconcile.
type PoolStatus struct {
	Open    bool         `json:"open"`              // its volumes can be reached
	Can     Capabilities `json:"can"`               // as probed when it was opened
	Problem string       `json:"problem,omitempty"` // what keeps it from being open
	Made    bool         `json:"made,omitempty"`    // it was open once: its place is never made again
}

// Room is how much there is below a pool, and how much of it nobody has.
type Room struct {
	Size model.Bytes `json:"size"`
	Free model.Bytes `json:"free"`
	// MetadataPercent is how full the room is in which a thin pool keeps who has what; 0 where there is no such room.
	MetadataPercent int `json:"metadataPercent,omitempty"`
}

// UsedPercent is how full it is, from 0 to 100, rounded up: the fuller of its data and its metadata, for where either ends
// nothing more is written.
func (r Room) UsedPercent() int {
	if r.Size <= 0 {
		return r.MetadataPercent
	}
	used := max(r.Size-r.Free, 0)
	return max(int((float64(used)*100+float64(r.Size)-1)/float64(r.Size)), r.MetadataPercent)
}

// Until is how much more it takes before it is so full; never more than is free.
func (r Room) Until(percent int) model.Bytes {
	if r.MetadataPercent >= percent {
		return 0
	}
	most := model.Bytes(float64(r.Size) * float64(percent-1) / 100) // UsedPercent is rounded up
	return max(min(most-(r.Size-r.Free), r.Free), 0)
}

// Fullest says what of a pool is as full as UsedPercent: it, or what it keeps of who has what.
func (r Room) Fullest(pool string) string {
	if (Room{Size: r.Size, Free: r.Free}).UsedPercent() < r.MetadataPercent {
		return "the metadata of pool " + pool
	}
	return "pool " + pool
}

// Usage is what one file or device of a pool takes.
type Usage struct {
	Virtual   model.Bytes  `json:"virtual"`             // as large as a guest sees it
	Allocated model.Bytes  `json:"allocated"`           // of the pool's room
	Exclusive *model.Bytes `json:"exclusive,omitempty"` // of that, what would be free without it; absent where nobody can say
}

// maxPath bounds the path of a pool.
const maxPath = 1024

// lvmName is what LVM takes for a name, without what begins like an option. Source: lvm(8), "Valid names".
var lvmName = regexp.MustCompile(`^[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}$`)

// CheckPool returns what is wrong with a pool's name and spec, all of it.
func CheckPool(name string, s PoolSpec) []error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	add(model.CheckName("pool name", name))
	switch s.Effective().Kind {
	case Dir:
		add(checkPath(name, s.Path))
		if s.VolumeGroup != "" || s.ThinPool != "" {
			add(fault.New(fault.Invalid, "volumeGroup and thinPool are of kind lvm-thin, and this pool is of kind dir"))
		}
	case LVMThin:
		add(checkLVM("volumeGroup", s.VolumeGroup))
		add(checkLVM("thinPool", s.ThinPool))
		if s.Path != "" {
			add(fault.New(fault.Invalid, "path is of kind dir, and this pool is of kind lvm-thin"))
		}
		if name == DefaultPool {
			add(fault.New(fault.Invalid, "pool %q is a folder of the daemon's own, and of kind dir", name))
		}
	default:
		add(fault.New(fault.Invalid, "pool kind %.20q is none of dir, lvm-thin", string(s.Kind)))
	}
	add(checkPercent("warnPercent", s.WarnPercent))
	add(checkPercent("stopPercent", s.StopPercent))
	if full := s.Effective(); full.WarnPercent > full.StopPercent {
		add(fault.New(fault.Invalid, "warnPercent %d is above stopPercent %d: it would warn of what has happened already", full.WarnPercent, full.StopPercent))
	}
	if s.Retention != "" {
		_, err := parseRetention(s.Retention)
		add(err)
	}
	return errs
}

func checkPercent(what string, n int) error {
	if n == 0 || n >= 1 && n <= 100 {
		return nil
	}
	return fault.New(fault.Invalid, "%s %d is not between 1 and 100", what, n)
}

func checkLVM(what, name string) error {
	if name == "" {
		return fault.New(fault.Invalid, "a pool of kind lvm-thin needs %s", what)
	}
	if !lvmName.MatchString(name) || name == "." || name == ".." {
		return fault.New(fault.Invalid, "%s %.80q is no name of LVM's", what, name)
	}
	return nil
}

// system are the trees in which no pool may be: what is there is the system's, and a folder of hvd's among it
// would be a way to change that.
var system = []string{"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/nix", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var/run"}

func checkPath(name, p string) error {
	if name == DefaultPool {
		if p != "" {
			return fault.New(fault.Invalid, "pool %q is a folder of the daemon's own, and takes no path", name).Try("make another pool for %.80q", p)
		}
		return nil
	}
	switch {
	case p == "":
		return fault.New(fault.Invalid, "a pool of kind dir needs a path")
	case !strings.HasPrefix(p, "/") || path.Clean(p) != p || len(p) > maxPath || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fault.New(fault.Invalid, "path %.80q is not absolute, without . and .., and at most %d bytes long", p, maxPath)
	case p == "/":
		return fault.New(fault.Invalid, "path / is the whole host")
	}
	for _, tree := range system {
		if Inside(p, tree) {
			return fault.New(fault.Invalid, "path %.80q is in %s, which is the system's", p, tree).Try("choose one below /srv, /mnt, /media or /data")
		}
	}
	return nil
}

// Inside reports whether a path is another one or below it. Both are absolute and clean.
func Inside(p, tree string) bool { return p == tree || strings.HasPrefix(p, tree+"/") }

// CheckPools returns what is wrong with pools beside each other: two in one place, or one inside of another.
func CheckPools(pools map[string]PoolSpec) []error {
	names := make([]string, 0, len(pools))
	for name := range pools {
		names = append(names, name)
	}
	slices.Sort(names)
	var errs []error
	for i, a := range names {
		for _, b := range names[i+1:] {
			if why := overlap(pools[a].Effective(), pools[b].Effective()); why != "" {
				errs = append(errs, fault.New(fault.Conflict, "pools %q and %q are in one place: %s", a, b, why).WithCode("HV-POOL-004").
					Try("give one of them a place of its own"))
			}
		}
	}
	return errs
}

func overlap(a, b PoolSpec) string {
	switch {
	case a.Kind != b.Kind:
		return ""
	case a.Kind == LVMThin && a.VolumeGroup == b.VolumeGroup && a.ThinPool == b.ThinPool:
		return a.Where()
	case a.Kind == Dir && a.Path != "" && b.Path != "" && (Inside(a.Path, b.Path) || Inside(b.Path, a.Path)):
		return a.Path + " and " + b.Path
	}
	return ""
}

// parseRetention reads "7d", "12h", "90m", "30s" or "0".
func parseRetention(s string) (time.Duration, error) {
	const most = 3650 * 24 * time.Hour
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	if s == "0" {
		return 0, nil
	}
	if len(s) > 1 && len(s) < 12 {
		unit := units[s[len(s)-1]]
		n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
		if err == nil && unit > 0 && n <= uint64(most/unit) {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fault.New(fault.Invalid, "retention %.20q is not a time such as 7d, 12h or 0, of ten years at most", s)
}
