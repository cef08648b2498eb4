package vm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func setAt(name, at string, edit ...func(*Snapshot)) Snapshot {
	moment, err := time.Parse("2006-01-02 15:04", at)
	if err != nil {
		panic(err)
	}
	s := Snapshot{Metadata: model.Metadata{Name: name}, Scheduled: true, Taken: &Taken{At: moment}}
	for _, f := range edit {
		f(&s)
	}
	return s
}

func byHand(s *Snapshot)    { s.Scheduled = false }
func protected(s *Snapshot) { s.Protected = true }

func TestEachRuleKeepsTheLastOfItsPeriods(t *testing.T) {
	sets := []Snapshot{
		setAt("a", "2025-12-30 03:00"), setAt("b", "2025-12-31 03:00"), setAt("c", "2026-01-01 03:00"), setAt("d", "2026-01-02 03:00"),
		setAt("e", "2026-01-02 15:10"), setAt("f", "2026-01-02 15:50"),
	}
	for _, c := range []struct {
		name   string
		keep   Keep
		byHand bool
		also   []Snapshot
		want   []string
	}{
		{"the last", Keep{Last: 2}, false, nil, []string{"f last (1 of 2)", "e last (2 of 2)"}},
		{"hours", Keep{Hourly: 2}, false, nil, []string{"f hourly 2026-01-02T15+00:00 (1 of 2)", "d hourly 2026-01-02T03+00:00 (2 of 2)"}},
		{"days", Keep{Daily: 3}, false, nil, []string{"f daily 2026-01-02 (1 of 3)", "c daily 2026-01-01 (2 of 3)", "b daily 2025-12-31 (3 of 3)"}},
		{"weeks, of which one has all", Keep{Weekly: 9}, false, nil, []string{"f weekly 2026-W01 (1 of 9)"}},
		{"months", Keep{Monthly: 9}, false, nil, []string{"f monthly 2026-01 (1 of 9)", "b monthly 2025-12 (2 of 9)"}},
		{"years", Keep{Yearly: 1}, false, nil, []string{"f yearly 2026 (1 of 1)"}},
		{"several rules", Keep{Last: 1, Yearly: 2}, false, nil, []string{"f last (1 of 1); yearly 2026 (1 of 2)", "b yearly 2025 (2 of 2)"}},
		{
			"what was taken by hand or is protected stays, and takes nobody's place", Keep{Last: 1}, false,
			[]Snapshot{setAt("mine", "2026-01-02 16:00", byHand), setAt("dear", "2025-06-01 00:00", protected)},
			[]string{"mine taken by hand", "f last (1 of 1)", "dear protected"},
		},
		{
			"by hand counts where it is asked to", Keep{Last: 1}, true,
			[]Snapshot{setAt("mine", "2026-01-02 16:00", byHand), setAt("dear", "2025-06-01 00:00", byHand, protected)},
			[]string{"mine last (1 of 1)", "dear protected"},
		},
		{"what is on its way counts for nothing", Keep{Last: 1}, false, []Snapshot{setAt("new", "2026-01-03 00:00", func(s *Snapshot) { s.Phase, s.Taken = SnapshotTaking, nil })}, []string{"f last (1 of 1)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, v := range Retain(append(slices.Clone(sets), c.also...), c.keep, c.byHand, time.UTC) {
				if why := fmt.Sprint(v.Why); v.Keep {
					got = append(got, v.Name+" "+joined(v.Why))
				} else if why != "[no rule keeps it]" {
					t.Errorf("%s goes because of %s", v.Name, why)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func joined(l []string) string {
	out := ""
	for i, s := range l {
		if i > 0 {
			out += "; "
		}
		out += s
	}
	return out
}

func TestADayBeginsByTheClocksOfTheHost(t *testing.T) {
	sets := []Snapshot{setAt("evening", "2026-01-01 22:30"), setAt("night", "2026-01-01 23:30")} // in UTC
	for zone, want := range map[string]int{"UTC": 1, "Europe/Berlin": 2} {
		n := 0
		for _, v := range Retain(sets, Keep{Daily: 5}, false, zoneOf(t, zone)) {
			if v.Keep {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d stay, want %d", zone, n, want)
		}
	}
}

func drawSets(t *rapid.T) []Snapshot {
	n := rapid.IntRange(0, 40).Draw(t, "sets")
	var out []Snapshot
	for i := range n {
		at := time.Unix(1700000000+rapid.Int64Range(0, 3*366*24*3600).Draw(t, "at"), 0)
		out = append(out, Snapshot{
			Metadata: model.Metadata{Name: fmt.Sprint("s", i)}, Taken: &Taken{At: at},
			Scheduled: rapid.Bool().Draw(t, "scheduled"), Protected: rapid.IntRange(0, 9).Draw(t, "protected") == 0,
		})
	}
	return out
}

func staying(sets []Snapshot, keep Keep) (kept []Snapshot) {
	verdicts := Retain(sets, keep, false, time.UTC)
	for _, s := range sets {
		if i := slices.IndexFunc(verdicts, func(v Retained) bool { return v.Name == s.Name }); verdicts[i].Keep {
			kept = append(kept, s)
		}
	}
	return kept
}

// What stays: never more of a schedule's than is said, all of the others, the newest; and who asks twice loses nothing more.
func TestNothingGoesThatIsToStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := drawSets(t)
		n := rapid.IntRange(0, 5)
		keep := Keep{n.Draw(t, "last"), n.Draw(t, "hourly"), n.Draw(t, "daily"), n.Draw(t, "weekly"), n.Draw(t, "monthly"), n.Draw(t, "yearly")}
		kept := staying(sets, keep)
		under := 0
		var newest *Snapshot
		for _, s := range sets {
			free := s.Scheduled && !s.Protected
			in := slices.ContainsFunc(kept, func(k Snapshot) bool { return k.Name == s.Name })
			if !free && !in {
				t.Fatalf("%s goes, which no schedule has to do with", s.Name)
			}
			if free && in {
				under++
			}
			if free && (newest == nil || s.Taken.At.After(newest.Taken.At)) {
				newest = &s
			}
		}
		if under > keep.Sum() {
			t.Fatalf("%d stay of at most %d", under, keep.Sum())
		}
		if newest != nil && keep.Sum() > 0 && !slices.ContainsFunc(kept, func(k Snapshot) bool { return k.Taken.At.Equal(newest.Taken.At) }) {
			t.Fatalf("the newest goes: %s", newest.Name)
		}
		if again := staying(kept, keep); len(again) != len(kept) {
			t.Fatalf("asked again, %d of %d stay", len(again), len(kept))
		}
		more := keep
		more.Daily++
		if len(staying(sets, more)) < len(kept) {
			t.Fatal("who keeps more has less")
		}
	})
}
