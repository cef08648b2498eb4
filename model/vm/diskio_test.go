package vm

import (
	"strings"
	"testing"
)

func TestHowADiskIsReadAndWrittenFitsTogether(t *testing.T) {
	for name, c := range map[string]struct {
		io   DiskIO
		at   string // path of the only problem; empty for none
		says string
	}{
		"nothing said":                  {},
		"past the page cache":           {io: DiskIO{Cache: CacheNone, AIO: AIONative}},
		"rings go through it too":       {io: DiskIO{Cache: CacheWriteback, AIO: AIOUring}},
		"zeros go":                      {io: DiskIO{DetectZeroes: ZeroesUnmap}},
		"zeros are noted":               {io: DiskIO{DetectZeroes: ZeroesOn, Discard: DiscardIgnore}},
		"native waits in the cache":     {DiskIO{Cache: CacheWriteback, AIO: AIONative}, "aio", "needs cache none"},
		"zeros stay where nothing goes": {DiskIO{DetectZeroes: ZeroesUnmap, Discard: DiscardIgnore}, "detectZeroes", "cannot be unmapped"},
		"no such cache":                 {DiskIO{Cache: "fast", AIO: AIONative}, "cache", "fast"},
		"no such aio":                   {DiskIO{AIO: "uring"}, "aio", "uring"},
		"no such discard":               {DiskIO{Discard: "on"}, "discard", "on"},
		"no such zeros":                 {DiskIO{DetectZeroes: "true"}, "detectZeroes", "true"},
	} {
		got := Check(Definition{Name: "web", Spec: Spec{Disks: map[string]Disk{"root": {Volume: "v", DiskIO: c.io}}}})
		switch {
		case c.at == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case c.at != "" && (len(got) != 1 || got[0].Path != "disks.root."+c.at || !strings.Contains(got[0].What, c.says)):
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestADiskIsSetByTheNamesOfASpec(t *testing.T) {
	var d DiskIO
	for name, value := range map[string]string{"cache": "none", "aio": "native", "discard": "unmap", "detectZeroes": "on"} {
		if err := d.Set(name, value); err != nil {
			t.Error(err)
		}
	}
	if want := (DiskIO{"none", "native", "unmap", "on"}); d != want {
		t.Errorf("%+v", d)
	}
	if err := d.Set("iops", "5"); err == nil || !strings.Contains(err.Error(), "detectZeroes") {
		t.Errorf("%v", err)
	}
}
