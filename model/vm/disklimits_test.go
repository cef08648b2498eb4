package vm

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestLimitsOfADiskAreThoseThatQEMUCanHold(t *testing.T) {
	for name, c := range map[string]struct {
		limits DiskLimits
		want   string // words of the only problem; empty for none
	}{
		"none":                   {},
		"requests":               {limits: DiskLimits{DiskRates: DiskRates{IOPS: 500}}},
		"each way its own":       {limits: DiskLimits{DiskRates: DiskRates{ReadIOPS: 500, WriteIOPS: 100, ReadBandwidth: model.MiB}}},
		"a burst":                {limits: DiskLimits{DiskRates: DiskRates{Bandwidth: model.MiB}, Burst: DiskRates{Bandwidth: model.GiB}, BurstSeconds: 10}},
		"both and each":          {DiskLimits{DiskRates: DiskRates{IOPS: 500, WriteIOPS: 100}}, "iops is of both"},
		"bytes likewise":         {DiskLimits{DiskRates: DiskRates{Bandwidth: 500, ReadBandwidth: 100}}, "bandwidth is of both"},
		"a burst of what":        {DiskLimits{DiskRates: DiskRates{IOPS: 5}, Burst: DiskRates{Bandwidth: 5}}, "bandwidth is not"},
		"a burst that is less":   {DiskLimits{DiskRates: DiskRates{IOPS: 50}, Burst: DiskRates{IOPS: 5}}, "5 is less than the 50"},
		"how long is what":       {DiskLimits{DiskRates: DiskRates{IOPS: 50}, BurstSeconds: 5}, "no burst"},
		"no second is that long": {DiskLimits{DiskRates: DiskRates{IOPS: 50}, Burst: DiskRates{IOPS: 60}, BurstSeconds: 5000}, "not between 1 and 3600"},
		"less than nothing":      {DiskLimits{DiskRates: DiskRates{IOPS: -1}}, "-1 is not between"},
		"beyond all disks":       {DiskLimits{DiskRates: DiskRates{Bandwidth: 2 * model.TiB}}, "is not between"},
	} {
		got := Check(Definition{Name: "web", Spec: Spec{Disks: map[string]Disk{"root": {Volume: "v", Limits: c.limits}}}})
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case c.want != "" && (len(got) != 1 || !strings.Contains(got[0].What, c.want) || !strings.HasPrefix(got[0].Path, "disks.root.limits.")):
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}

func TestAThreadOfADiskIsALabel(t *testing.T) {
	for thread, well := range map[string]bool{"": true, "io1": true, "Io": false, "a,b": false, strings.Repeat("a", 41): false} {
		got := Check(Definition{Name: "web", Spec: Spec{Disks: map[string]Disk{"root": {Volume: "v", IOThread: thread}}}})
		if (len(got) == 0) != well {
			t.Errorf("%q: %v", thread, got)
		}
	}
	many := map[string]Disk{}
	for i := range MaxPCIDisks {
		many[string(rune('a'+i))] = Disk{Volume: "v" + string(rune('a'+i)), IOThread: "t" + string(rune('a'+i))}
	}
	if got := Check(Definition{Name: "web", Spec: Spec{Disks: many}}); len(got) != 1 || !strings.Contains(got[0].What, "more than 16") {
		t.Errorf("%d threads: %v", len(many), got)
	}
}
