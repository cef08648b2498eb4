package thin

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// fields are what lvs is asked for. Source: lvs(8), lvmreport(7).
const fields = "lv_name,lv_size,data_percent,metadata_percent,lv_tags,pool_lv,segtype,lv_kernel_major,lv_kernel_minor,zero,lv_when_full,vg_extent_size"

// maxReport bounds what lvs prints: about 300 bytes a volume.
const maxReport = 16 << 20

// row is one logical volume as lvs tells of it: every value is text.
type row struct {
	Name     string `json:"lv_name"`
	Size     string `json:"lv_size"`
	Data     string `json:"data_percent"`
	Meta     string `json:"metadata_percent"`
	Tags     string `json:"lv_tags"`
	Pool     string `json:"pool_lv"`
	Type     string `json:"segtype"`
	Major    string `json:"lv_kernel_major"`
	Minor    string `json:"lv_kernel_minor"`
	Zero     string `json:"zero"`
	WhenFull string `json:"lv_when_full"`
	Extent   string `json:"vg_extent_size"`
}

// volume is one of ours, with its device.
type volume struct {
	privilege.ThinVolume
	major, minor int64 // -1: it is not active
}

// report is a thin pool and what of ours is in it, in the order of names.
type report struct {
	pool    privilege.ThinPoolReply
	volumes []volume
}

// prefix begins the names of our volumes: LVM's own may begin with a digit, and a person sees whose they are.
const prefix = "hv-"

// lvName is how a volume is called among all of its group: each of its thin pools has notes.
func lvName(p privilege.ThinPlace, name string) string {
	if name == privilege.ThinNotes {
		return prefix + name + "-" + p.Pool
	}
	return prefix + name
}

// ownName is the reverse of it.
func ownName(pool, lv string) string {
	if name := strings.TrimPrefix(lv, prefix); name != privilege.ThinNotes+"-"+pool {
		return name
	}
	return privilege.ThinNotes
}

// read takes what lvs printed about a group, in bytes and without units.
func read(text []byte, pool string) (report, error) {
	var out struct {
		Report []struct {
			LV []row `json:"lv"`
		} `json:"report"`
	}
	if len(text) > maxReport {
		return report{}, fault.New(fault.Unavailable, "lvs tells of more than %d bytes", maxReport)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return report{}, fault.New(fault.Unavailable, "what lvs says cannot be read").Because(err)
	}
	var r report
	found := false
	for _, part := range out.Report {
		for _, l := range part.LV {
			var err error
			switch {
			case l.Name == pool:
				found = true
				r.pool, err = readPool(l)
			case l.Pool == pool && tagged(l.Tags, privilege.ThinTag) && strings.HasPrefix(l.Name, prefix):
				var v volume
				if v, err = readVolume(l); privilege.IsThinName(v.Name) {
					r.volumes = append(r.volumes, v)
				}
			}
			if err != nil {
				return report{}, fault.Wrap(err, "what lvs says of %.80q", l.Name)
			}
		}
	}
	if !found {
		return report{}, fault.New(fault.NotFound, "there is no thin pool %q", pool)
	}
	slices.SortFunc(r.volumes, func(a, b volume) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

func readPool(l row) (p privilege.ThinPoolReply, err error) {
	n := numbers{}
	p.Bytes, p.Extent = n.whole(l.Size), n.whole(l.Extent)
	p.DataPercent, p.MetaPercent = n.percent(l.Data), n.percent(l.Meta)
	p.ErrorsWhenFull = l.WhenFull == "error"
	switch {
	case l.Type != "thin-pool":
		return p, fault.New(fault.Invalid, "it is of type %.20q, and no thin pool", l.Type).WithCode("HV-POOL-021")
	case !tagged(l.Tags, privilege.ThinTag):
		return p, fault.New(fault.Denied, "its owner has not said that volumes may be kept in it").WithCode("HV-POOL-022")
	case l.Zero != "zero" && l.Zero != "1":
		return p, fault.New(fault.Denied, "what it gives out is not zeroed: one guest would read what another has deleted").WithCode("HV-POOL-023")
	case n.err == nil && (p.Extent <= 0 || p.Bytes <= 0):
		return p, fault.New(fault.Unavailable, "it has %d bytes in extents of %d", p.Bytes, p.Extent)
	}
	return p, n.err
}

func readVolume(l row) (v volume, err error) {
	n := numbers{}
	v.Name, v.Bytes = ownName(l.Pool, l.Name), n.whole(l.Size)
	v.Allocated = int64(float64(v.Bytes) * n.percent(l.Data) / 100)
	v.major, v.minor = n.whole(l.Major), n.whole(l.Minor)
	for _, s := range []privilege.ThinState{privilege.ThinMaking, privilege.ThinArriving} {
		if tagged(l.Tags, stateTag(s)) {
			v.State = s
			break
		}
	}
	return v, n.err
}

func stateTag(s privilege.ThinState) string { return privilege.ThinTag + "." + string(s) }

func tagged(tags, tag string) bool { return slices.Contains(strings.Split(tags, ","), tag) }

// numbers reads numbers, and keeps what was wrong with the first that is none.
type numbers struct{ err error }

func (n *numbers) whole(s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err == nil && (v < -1 || v > 1<<60) {
		err = fault.New(fault.Invalid, "%d is out of bounds", v)
	}
	if n.err == nil && err != nil {
		n.err = fault.New(fault.Unavailable, "%.40q is no number", s).Because(err)
	}
	return v
}

// percent is of what is inactive nothing at all.
func (n *numbers) percent(s string) float64 {
	if s == "" {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if (err != nil || !(v >= 0 && v <= 100)) && n.err == nil {
		n.err = fault.New(fault.Unavailable, "%.40q is no percentage", s).Because(err)
	}
	return v
}
