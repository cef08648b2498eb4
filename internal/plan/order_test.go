package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func ref(name string) model.Ref { return model.Ref{Project: "default", Name: name} }

func place(name string, order int, after ...string) Member {
	return Member{Ref: ref(name), Startup: vm.Startup{Order: order, After: after}}
}

// waves starts everybody whose turn it is, and lets it run, until nobody is left.
func waves(members []Member) (out []string) {
	o := NewOrder(members)
	for len(o.Left()) > 0 {
		var wave []string
		for _, m := range members {
			if wait, _ := o.Start(m.Ref, noon); o.Has(m.Ref) && wait == "" {
				wave = append(wave, m.Name)
			}
		}
		for _, name := range wave {
			o.Settle(ref(name), noon, "")
		}
		slices.Sort(wave)
		out = append(out, strings.Join(wave, "+"))
		if len(wave) == 0 {
			return append(out, "stuck")
		}
	}
	return out
}

// downs stops everybody whose turn it is, until nobody is left.
func downs(members []Member) (out []string) {
	o := NewOrder(members)
	for len(o.Left()) > 0 {
		var wave []string
		for _, r := range o.Left() {
			if o.Stop(r) == "" {
				wave = append(wave, r.Name)
			}
		}
		for _, name := range wave {
			o.Settle(ref(name), time.Time{}, "")
		}
		slices.Sort(wave)
		out = append(out, strings.Join(wave, "+"))
		if len(wave) == 0 {
			return append(out, "stuck")
		}
	}
	return out
}

func TestVMsStartInOrderAndStopInReverse(t *testing.T) {
	for name, c := range map[string]struct {
		members []Member
		want    string
	}{
		"without an order all at once":                {[]Member{place("a", 0), place("b", 0)}, "a+b"},
		"lower first, those without one last":         {[]Member{place("a", 0), place("b", 2), place("c", 1), place("d", 2)}, "c b+d a"},
		"after another":                               {[]Member{place("a", 0, "b"), place("b", 0), place("c", 0)}, "b+c a"},
		"after one that is after another":             {[]Member{place("a", 0, "b"), place("b", 0, "c"), place("c", 0)}, "c b a"},
		"what others wait for comes early":            {[]Member{place("a", 1, "b"), place("b", 0), place("c", 2)}, "b a c"},
		"also where its own order says later":         {[]Member{place("a", 1, "b"), place("b", 5), place("c", 2)}, "b a c"},
		"one that is no member is not waited":         {[]Member{place("a", 0, "nobody")}, "a"},
		"a circle that two edits made is none":        {[]Member{place("a", 0, "b"), place("b", 0, "a"), place("c", 0)}, "a+b+c"},
		"who waits for a circle waits for it":         {[]Member{place("a", 0, "b"), place("b", 0, "a"), place("c", 0, "a")}, "a+b c"},
		"the same name in another project is another": {[]Member{place("a", 0, "b"), {Ref: model.Ref{Project: "lab", Name: "b"}}}, "a+"},
	} {
		if strings.HasSuffix(c.want, "+") {
			o := NewOrder(c.members)
			if wait, _ := o.Start(ref("a"), noon); wait != "" {
				t.Errorf("%s: %s", name, wait)
			}
			continue
		}
		got := waves(c.members)
		if d := cmp.Diff(strings.Fields(c.want), got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
	if d := cmp.Diff([]string{"a", "b+d", "c"}, downs([]Member{place("a", 0), place("b", 2), place("c", 1), place("d", 2)})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a+c", "b"}, downs([]Member{place("a", 0, "b"), place("b", 0), place("c", 0)})); d != "" {
		t.Error(d)
	}
}

func TestThoseAfterAVMWaitUntilItHasHadItsDelay(t *testing.T) {
	db := place("db", 0)
	db.Delay = 30
	o := NewOrder([]Member{db, place("web", 0, "db")})
	if wait, until := o.Start(ref("web"), noon); wait != "starts after vm db" || !until.IsZero() {
		t.Errorf("%q until %v", wait, until)
	}
	if woken := o.Settle(ref("db"), noon, ""); !slices.Equal(woken, []model.Ref{ref("web")}) {
		t.Errorf("%v are woken", woken)
	}
	if wait, until := o.Start(ref("web"), noon.Add(29*time.Second)); wait != "starts 30 s after vm db" || !until.Equal(noon.Add(30*time.Second)) {
		t.Errorf("%q until %v", wait, until)
	}
	if wait, _ := o.Start(ref("web"), noon.Add(30*time.Second)); wait != "" {
		t.Error(wait)
	}
}

func TestOneThatDoesNotComeUpIsToldAndWaitedForNoLonger(t *testing.T) {
	db := place("db", 0)
	db.Delay = 30
	o := NewOrder([]Member{db, place("web", 0, "db", "cache")})
	o.Settle(ref("db"), time.Time{}, "its volume is gone")
	if wait, _ := o.Start(ref("web"), noon); wait != "" {
		t.Error(wait)
	}
	if d := cmp.Diff([]string{"db did not start: its volume is gone", "cache does not start with the host"}, o.Missing(ref("web"))); d != "" {
		t.Error(d)
	}
	p, err := VM(input(func(in *VMInput) { in.Missing = o.Missing(ref("web")) }))
	if err != nil || kinds(p) != "launch attach continue" || p.Findings[len(p.Findings)-1].Code != "HV-VM-072" {
		t.Errorf("%v %+v", err, p.Findings)
	}
}

// Whatever the orders and dependencies: nobody waits for ever, and nobody stops before who needs it.
func TestEverybodyStartsAndStops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		var all []Member
		for i := range n {
			m := place(fmt.Sprint("v", i), rapid.IntRange(0, 3).Draw(t, "order"))
			for range rapid.IntRange(0, 2).Draw(t, "needs") {
				m.After = append(m.After, fmt.Sprint("v", rapid.IntRange(0, n-1).Draw(t, "after")))
			}
			all = append(all, m)
		}
		if up := waves(all); slices.Contains(up, "stuck") {
			t.Fatalf("%+v: %v", all, up)
		}
		if down := downs(all); slices.Contains(down, "stuck") {
			t.Fatalf("%+v: %v", all, down)
		}
	})
}

func TestWhatAHostTakesWithItAndGivesBack(t *testing.T) {
	autostart := policy(func(s *vm.Spec) { s.Autostart = true })
	halt := func(ago time.Duration) func(*VMInput) {
		return func(in *VMInput) { in.Halt = &Halt{Begun: noon.Add(-ago)} }
	}
	later := noon.Add(time.Minute)
	byHost := func(in *VMInput) { in.Last.StopAsked.Host = true }
	for name, c := range map[string]struct {
		edit   func(*VMInput)
		steps  string
		end    vm.End
		stays  int64
		held   bool
		failed bool
	}{
		"its guest is asked":                     {with(runs("running"), halt(0)), "powerdown", "", 0, false, false},
		"and waited for":                         {with(runs("running"), halt(time.Second), asked(3, later), byHost), "", "", 0, false, false},
		"but not for ever":                       {with(runs("running"), halt(time.Minute), asked(3, noon), byHost), "kill cleanup", "", 0, false, false},
		"nor one that cannot be asked":           {with(runs(""), halt(time.Minute)), "kill cleanup", "", 0, false, false},
		"nor beyond the end of all":              {with(runs("running"), func(in *VMInput) { in.Halt = &Halt{Begun: noon, Deadline: noon} }), "kill cleanup", "", 0, false, false},
		"a paused one has to run to hear of it":  {with(runs("paused"), halt(0), wish(vm.Paused)), "continue powerdown", "", 0, false, false},
		"one that has not begun is ended":        {with(runs("prelaunch"), halt(0)), "quit cleanup", "", 0, false, false},
		"a reboot is no way to stay":             {with(runs("running"), halt(0), asked(3, later), rebooting), "powerdown", "", 0, false, false},
		"it is put away":                         {with(runs("shutdown"), halt(time.Second), asked(3, later), byHost), "quit cleanup", vm.EndHostDown, 0, false, false},
		"its wish stays with autostart":          {with(runs("shutdown"), halt(time.Second), asked(3, later), byHost, autostart), "quit cleanup", vm.EndHostDown, 3, false, false},
		"also where the daemon was cut off":      {with(died, autostart, func(in *VMInput) { in.Last.StopAsked = &vm.StopAsked{PowerGeneration: 3, Host: true} }), "cleanup", vm.EndHostDown, 3, true, false},
		"one that was to be off is just stopped": {with(runs("shutdown"), halt(time.Second), wish(vm.Off), asked(3, later), autostart), "quit cleanup", vm.EndStopped, 0, false, false},
		"in this boot it is not started again":   {with(hostDown("boot-1", 3), autostart), "", "", 0, true, false},
		"but by somebody":                        {with(hostDown("boot-1", 2), autostart), "launch attach continue", "", 0, false, false},
		"and in the next":                        {with(hostDown("boot-0", 3), autostart), "launch attach continue", "", 0, false, false},
		"unless its turn has not come":           {with(hostDown("boot-0", 3), autostart, func(in *VMInput) { in.Hold = "starts after vm db" }), "", "", 0, true, false},
	} {
		p, err := VM(input(c.edit))
		if (err != nil) != c.failed {
			t.Errorf("%s: %v", name, err)
			continue
		}
		how, stays := vm.End(""), int64(0)
		if p.Ended != nil {
			how, stays = p.Ended.How, p.Ended.Stays
		}
		if kinds(p) != c.steps || how != c.end || stays != c.stays || (p.Held != "") != c.held {
			t.Errorf("%s:\n  got  %q end %q stays %d held %q\n  want %q end %q stays %d held %v", name, kinds(p), how, stays, p.Held, c.steps, c.end, c.stays, c.held)
		}
		if in := input(c.edit); in.Halt != nil && in.Effective.Power != vm.Off && p.Reached {
			t.Errorf("%s: what is wished is not that it is down", name)
		}
	}
}

// hostDown is a VM that was stopped with its host in a boot, and whose wish of that generation stands.
func hostDown(boot string, stays int64) func(*VMInput) {
	return func(in *VMInput) {
		in.Last = &vm.PowerStatus{State: vm.StateOff, Ended: &vm.Ended{How: vm.EndHostDown, PowerGeneration: stays - 1, Stays: stays, BootID: boot}}
	}
}
