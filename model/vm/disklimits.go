package vm

import "github.com/hyper-nixos/hyper-nixos/model"

// DiskRates are what a disk may do in a second; zero is no limit. That of all and those of reading and writing exclude
// each other, for bytes as for requests: QEMU holds one or the other.
type DiskRates struct {
	IOPS           int         `json:"iops,omitempty"`           // requests, read and written
	ReadIOPS       int         `json:"readIops,omitempty"`       // requests that read
	WriteIOPS      int         `json:"writeIops,omitempty"`      // requests that write
	Bandwidth      model.Bytes `json:"bandwidth,omitempty"`      // read and written
	ReadBandwidth  model.Bytes `json:"readBandwidth,omitempty"`  // read
	WriteBandwidth model.Bytes `json:"writeBandwidth,omitempty"` // written
}

// DiskLimits bound what a disk may do. They change while the VM runs.
type DiskLimits struct {
	DiskRates
	Burst        DiskRates `json:"burst,omitzero"`         // what it may do for a while after it has done less
	BurstSeconds int       `json:"burstSeconds,omitempty"` // how long it may; a second when absent
}

// Limits of limits.
const (
	MaxRate         = 1_000_000_000 // requests; QEMU's THROTTLE_VALUE_MAX is 10^15, of which no disk comes near
	MaxBandwidth    = model.TiB
	MaxBurstSeconds = 3600
)

// rate is one of the numbers of limits, with that of its burst.
type rate struct {
	name        string
	value, most int64
	burst       int64
}

func (l DiskLimits) rates() []rate {
	b := l.Burst
	return []rate{
		{"iops", int64(l.IOPS), MaxRate, int64(b.IOPS)}, {"readIops", int64(l.ReadIOPS), MaxRate, int64(b.ReadIOPS)},
		{"writeIops", int64(l.WriteIOPS), MaxRate, int64(b.WriteIOPS)}, {"bandwidth", int64(l.Bandwidth), int64(MaxBandwidth), int64(b.Bandwidth)},
		{"readBandwidth", int64(l.ReadBandwidth), int64(MaxBandwidth), int64(b.ReadBandwidth)},
		{"writeBandwidth", int64(l.WriteBandwidth), int64(MaxBandwidth), int64(b.WriteBandwidth)},
	}
}

// diskLimits checks them as QEMU's throttle_is_valid does (util/throttle.c), in words of ours.
func (c *check) diskLimits(path string, l DiskLimits) {
	rates := l.rates()
	for _, r := range rates {
		switch at := path + "." + r.name; {
		case r.value < 0 || r.value > r.most:
			c.say(at, "", "%d is not between 1 and %d", r.value, r.most)
		case r.burst < 0 || r.burst > r.most:
			c.say(path+".burst."+r.name, "", "%d is not between 1 and %d", r.burst, r.most)
		case r.burst != 0 && r.value == 0:
			c.say(path+".burst."+r.name, "say what it may do all the time: "+at, "a burst is of what is limited, and %s is not", r.name)
		case r.burst != 0 && r.burst < r.value:
			c.say(path+".burst."+r.name, "leave it out, or make it more", "%d is less than the %d that it may do all the time", r.burst, r.value)
		}
	}
	for i := 0; i < len(rates); i += 3 {
		all, read, write := rates[i], rates[i+1], rates[i+2]
		if all.value != 0 && (read.value != 0 || write.value != 0) {
			c.say(path+"."+all.name, "leave one out", "%s is of both, and excludes %s and %s", all.name, read.name, write.name)
		}
	}
	switch {
	case l.BurstSeconds < 0 || l.BurstSeconds > MaxBurstSeconds:
		c.say(path+".burstSeconds", "", "%d is not between 1 and %d", l.BurstSeconds, MaxBurstSeconds)
	case l.BurstSeconds != 0 && l.Burst == DiskRates{}:
		c.say(path+".burstSeconds", "add burst, or leave it out", "there is no burst that could last")
	}
}

// Unlimited returns a spec whose disks may do what they can: what a QEMU starts with, until it is told its limits.
func (s Spec) Unlimited() Spec {
	s = s.Clone()
	for name, d := range s.Disks {
		d.Limits = DiskLimits{}
		s.Disks[name] = d
	}
	return s
}
