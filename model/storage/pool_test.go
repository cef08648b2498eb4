package storage

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestEverythingThatIsWrongWithAPoolIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		pool string
		spec PoolSpec
		want []string
	}{
		"a folder":               {"fast", PoolSpec{Path: "/srv/fast"}, nil},
		"a thin pool":            {"thin", PoolSpec{Kind: LVMThin, VolumeGroup: "vg0", ThinPool: "thin"}, nil},
		"the default":            {DefaultPool, PoolSpec{WarnPercent: 50}, nil},
		"only a late warning":    {"fast", PoolSpec{Path: "/srv/fast", WarnPercent: 97}, nil},
		"only an early stop":     {"fast", PoolSpec{Path: "/srv/fast", StopPercent: 60}, nil},
		"no trash":               {"fast", PoolSpec{Path: "/srv/fast", Retention: "0"}, nil},
		"no path":                {"fast", PoolSpec{}, []string{"needs a path"}},
		"relative":               {"fast", PoolSpec{Path: "srv/fast"}, []string{"absolute"}},
		"dots":                   {"fast", PoolSpec{Path: "/srv/../etc"}, []string{"absolute"}},
		"a line break":           {"fast", PoolSpec{Path: "/srv/a\nb"}, []string{"absolute"}},
		"the host":               {"fast", PoolSpec{Path: "/"}, []string{"whole host"}},
		"the system":             {"fast", PoolSpec{Path: "/etc/cron.d/x"}, []string{"the system's"}},
		"a path for the default": {DefaultPool, PoolSpec{Path: "/srv/fast"}, []string{"takes no path"}},
		"an option for a name":   {"thin", PoolSpec{Kind: LVMThin, VolumeGroup: "--config", ThinPool: "a/b"}, []string{"volumeGroup", "thinPool"}},
		"mixed":                  {"Fast", PoolSpec{Path: "/srv/fast", ThinPool: "x", WarnPercent: 99, StopPercent: 120, Retention: "soon"}, []string{"pool name", "of kind lvm-thin", "stopPercent 120", "retention"}},
		"upside down":            {"fast", PoolSpec{Path: "/srv/fast", WarnPercent: 90, StopPercent: 80}, []string{"above stopPercent"}},
		"an unknown kind":        {"fast", PoolSpec{Kind: "zfs"}, []string{"none of dir"}},
	} {
		errs := CheckPool(c.pool, c.spec)
		if len(errs) != len(c.want) {
			t.Errorf("%s: %v", name, errs)
		}
		all := errors.Join(errs...)
		for _, w := range c.want {
			if all == nil || !strings.Contains(all.Error(), w) {
				t.Errorf("%s: %v does not say %q", name, all, w)
			}
		}
	}
}

func TestNoTwoPoolsAreInOnePlace(t *testing.T) {
	thin := PoolSpec{Kind: LVMThin, VolumeGroup: "vg", ThinPool: "t"}
	for name, c := range map[string]struct {
		a, b PoolSpec
		bad  bool
	}{
		"beside each other": {PoolSpec{Path: "/srv/a"}, PoolSpec{Path: "/srv/ab"}, false},
		"the same":          {PoolSpec{Path: "/srv/a"}, PoolSpec{Path: "/srv/a"}, true},
		"inside":            {PoolSpec{Path: "/srv/a/b"}, PoolSpec{Path: "/srv/a"}, true},
		"one thin pool":     {thin, thin, true},
		"two kinds":         {thin, PoolSpec{Path: "/srv/a"}, false},
		"the default":       {PoolSpec{}, PoolSpec{Path: "/srv/a"}, false},
	} {
		if errs := CheckPools(map[string]PoolSpec{"a": c.a, "b": c.b}); (len(errs) > 0) != c.bad {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

func TestWhatAPoolLeavesOutHasItsValue(t *testing.T) {
	full := PoolSpec{Path: "/srv/a"}.Effective()
	if full.Kind != Dir || full.WarnPercent != 80 || full.StopPercent != 95 || full.TrashFor() != 7*24*time.Hour {
		t.Errorf("%+v", full)
	}
	if full := (PoolSpec{StopPercent: 60}).Effective(); full.WarnPercent != 60 {
		t.Errorf("a stop at 60 warns at %d", full.WarnPercent)
	}
	if full := (PoolSpec{WarnPercent: 97}).Effective(); full.StopPercent != 97 {
		t.Errorf("a warning at 97 stops at %d", full.StopPercent)
	}
}

func TestHowFullAPoolIs(t *testing.T) {
	for _, c := range []struct {
		room Room
		want int
	}{{Room{}, 0}, {Room{100, 100, 0}, 0}, {Room{100, 5, 0}, 95}, {Room{1000, 51, 0}, 95}, {Room{1000, 49, 0}, 96}, {Room{100, 0, 0}, 100}, {Room{100, 200, 0}, 0}, {Room{100, 50, 97}, 97}, {Room{100, 50, 11}, 50}} {
		if got := c.room.UsedPercent(); got != c.want {
			t.Errorf("%+v is %d %% full, not %d", c.room, got, c.want)
		}
	}
	if got := LVMThin.Can().Round(model.GiB + 1); got != model.GiB+4*model.MiB {
		t.Errorf("rounded to %s", got)
	}
}
