package uevent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

const added = "add@/devices/pci0000:00/0000:00:01.0\x00ACTION=add\x00DEVPATH=/devices/pci0000:00/0000:00:01.0\x00SUBSYSTEM=pci\x00PCI_CLASS=30000\x00SEQNUM=4711\x00"

func TestMessagesOfTheKernelAreRead(t *testing.T) {
	for message, want := range map[string]Event{
		added: {"add", "/devices/pci0000:00/0000:00:01.0", "pci"},
		"add@/module/vfio_pci\x00ACTION=add\x00SUBSYSTEM=module\x00": {"add", "/module/vfio_pci", "module"},
		"change@/devices/x\x00": {"change", "/devices/x", ""},
	} {
		if got, ok := parse([]byte(message)); !ok || got != want {
			t.Errorf("%q: %+v, %v", message, got, ok)
		}
	}
	for _, message := range []string{"", "libudev\x00\xfe\xed\xca\xfe", "add", "add@/x", "@/x\x00", "add@x\x00", added + string(make([]byte, maxMessage))} {
		if got, ok := parse([]byte(message)); ok {
			t.Errorf("%.20q is %+v", message, got)
		}
	}
}

func TestOnlyWhatMayChangeFactsIsFollowed(t *testing.T) {
	for _, c := range []struct {
		ev   Event
		want bool
	}{
		{Event{"add", "/devices/pci0000:00/0000:00:01.0", "pci"}, true},
		{Event{"bind", "/devices/pci0000:00/0000:00:01.0", "pci"}, true},
		{Event{"add", "/module/kvm_amd", "module"}, true},
		{Event{"add", "/devices/virtual/misc/kvm", "misc"}, true},
		{Event{"offline", "/devices/system/cpu/cpu3", "cpu"}, true},
		{Event{"add", "/devices/pci0000:00/0000:01:00.0/net/eno1", "net"}, true},
		{Event{"add", "/devices/virtual/net/tap0", "net"}, false},
		{Event{"add", "/devices/virtual/misc/fuse", "misc"}, false},
		{Event{"change", "/devices/virtual/block/loop0", "block"}, false},
		{Event{"change", "/devices/platform/battery", "power_supply"}, false},
	} {
		if got := MayChangeFacts(c.ev); got != c.want {
			t.Errorf("%+v: %v", c.ev, got)
		}
	}
}

// count calls Settle in a world where time is ours, and says how often it looked by when.
func count(t *testing.T, play func(say func())) (looks int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		heard, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			Settle(ctx, heard, func() { looks++ })
		}()
		play(func() { heard <- struct{}{} })
		time.Sleep(most)
		cancel()
		<-done
	})
	return looks
}

func TestABurstIsLookedAtOnce(t *testing.T) {
	burst := func(say func()) {
		for range 50 {
			say()
			time.Sleep(quiet / 10)
		}
	}
	if n := count(t, burst); n != 1 {
		t.Errorf("a burst was looked at %d times", n)
	}
	if n := count(t, func(say func()) { burst(say); time.Sleep(2 * quiet); burst(say) }); n != 2 {
		t.Errorf("two bursts were looked at %d times", n)
	}
	if n := count(t, func(func()) {}); n != 0 {
		t.Errorf("nothing was looked at %d times", n)
	}
}

func TestAStormIsLookedAtBeforeItEnds(t *testing.T) {
	during := 0
	synctest.Test(t, func(t *testing.T) {
		heard, looks := make(chan struct{}), 0
		done := make(chan struct{})
		go func() { defer close(done); Settle(t.Context(), heard, func() { looks++ }) }()
		for began := time.Now(); time.Since(began) < 3*most; time.Sleep(quiet / 3) {
			heard <- struct{}{}
		}
		synctest.Wait()
		during = looks
		close(heard)
		<-done
	})
	if during < 2 {
		t.Errorf("it was looked at %d times while the storm went on", during)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(added))
	f.Add([]byte("libudev\x00"))
	f.Fuzz(func(t *testing.T, message []byte) {
		if ev, ok := parse(message); ok && (ev.Action == "" || ev.Path == "" || ev.Path[0] != '/') {
			t.Errorf("%+v", ev)
		}
	})
}
