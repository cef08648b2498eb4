package vm

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("this machine has no time zones: %v", err)
	}
	return zone
}

func TestASetIsDueAtItsTimeByTheClocksOfTheHost(t *testing.T) {
	for _, c := range []struct {
		name, zone, after, want string
		s                       Snapshots
	}{
		{"the next full hour", "UTC", "2026-01-02T12:00:00Z", "2026-01-02T13:00:00Z", Snapshots{Every: Hourly}},
		{"a minute of every hour", "UTC", "2026-01-02T12:00:00Z", "2026-01-02T12:15:30Z", Snapshots{Every: Hourly, At: ":15:30"}},
		{"a minute that has passed", "UTC", "2026-01-02T12:15:00Z", "2026-01-02T13:15:00Z", Snapshots{Every: Hourly, At: ":15"}},
		{"hours of a zone that is off by half of one", "Asia/Kolkata", "2026-01-02T12:00:00Z", "2026-01-02T12:30:00Z", Snapshots{Every: Hourly}},
		{"today", "UTC", "2026-01-02T02:00:00Z", "2026-01-02T03:00:00Z", Snapshots{Every: Daily, At: "03:00"}},
		{"tomorrow", "UTC", "2026-01-02T03:00:00Z", "2026-01-03T03:00:00Z", Snapshots{Every: Daily, At: "03:00"}},
		{"midnight", "Europe/Berlin", "2026-01-02T12:00:00Z", "2026-01-02T23:00:00Z", Snapshots{Every: Daily}},
		{"over the end of a year", "UTC", "2026-12-31T04:00:00Z", "2027-01-01T03:00:00Z", Snapshots{Every: Daily, At: "03:00"}},
		{"the next sunday", "UTC", "2026-01-02T12:00:00Z", "2026-01-04T00:00:00Z", Snapshots{Every: Weekly}},
		{"the next friday, a week from now", "UTC", "2026-01-02T12:00:00Z", "2026-01-09T00:00:00Z", Snapshots{Every: Weekly, Weekday: "friday"}},
		{"later on the day of the week", "UTC", "2026-01-02T12:00:00Z", "2026-01-02T22:30:00Z", Snapshots{Every: Weekly, Weekday: "friday", At: "22:30"}},
		{"the first of a month", "UTC", "2026-01-31T12:00:00Z", "2026-02-01T04:00:00Z", Snapshots{Every: Monthly, At: "04:00"}},
		{"the first of a year", "UTC", "2026-01-02T12:00:00Z", "2027-01-01T00:00:00Z", Snapshots{Every: Yearly}},
		{"a date that is another one in UTC", "Pacific/Auckland", "2026-01-31T12:00:00Z", "2026-02-28T11:00:00Z", Snapshots{Every: Monthly}},

		{"in spring, at a time that is left out", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z", Snapshots{Every: Daily, At: "02:30"}},
		{"in spring, before the change", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T00:30:00Z", Snapshots{Every: Daily, At: "01:30"}},
		{"in spring, after the change", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T02:30:00Z", Snapshots{Every: Daily, At: "04:30"}},
		{"the day after the change", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-30T00:30:00Z", Snapshots{Every: Daily, At: "02:30"}},
		{"in spring, every hour that there is", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", Snapshots{Every: Hourly}},
		{"in autumn, the first of two", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", Snapshots{Every: Daily, At: "02:30"}},
		{"in autumn, not the second of two", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", Snapshots{Every: Daily, At: "02:30"}},
		{"in autumn, after the change", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T03:30:00Z", Snapshots{Every: Daily, At: "04:30"}},
		{"in autumn, both hours", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", Snapshots{Every: Hourly}},
		{"a midnight that is left out", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z", Snapshots{Every: Daily}},
		{"a change by half an hour", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:45:00Z", Snapshots{Every: Daily, At: "02:15"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, err := time.Parse(time.RFC3339, c.after)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.s.Next(after, zoneOf(t, c.zone)).UTC().Format(time.RFC3339); got != c.want {
				t.Errorf("%s after %s in %s: %s, want %s", c.s, c.after, c.zone, got, c.want)
			}
		})
	}
}

func drawSchedule(t *rapid.T) Snapshots {
	s := Snapshots{Every: rapid.SampledFrom([]Every{Hourly, Daily, Weekly, Monthly, Yearly}).Draw(t, "every")}
	at := rapid.StringMatching(`:[0-5][0-9](:[0-5][0-9])?`).Draw(t, "at")
	if s.Every != Hourly {
		at = rapid.StringMatching(`[01][0-9]`).Draw(t, "hour") + at
	}
	if s.At = at; s.Every == Weekly {
		s.Weekday = rapid.SampledFrom(Weekdays).Draw(t, "weekday")
	}
	return s
}

// Whatever the zone: what is due comes after, never twice, not later than the longest period, and nothing lies between.
func TestMomentsThatAreDueFollowOneAnother(t *testing.T) {
	longest := map[Every]time.Duration{Hourly: 2 * time.Hour, Daily: 49 * time.Hour, Weekly: 8 * 24 * time.Hour, Monthly: 32 * 24 * time.Hour, Yearly: 367 * 24 * time.Hour}
	zones := []*time.Location{
		time.UTC, zoneOf(t, "Europe/Berlin"), zoneOf(t, "America/St_Johns"), zoneOf(t, "Australia/Lord_Howe"), zoneOf(t, "Pacific/Apia"), zoneOf(t, "Africa/Casablanca"),
	}
	rapid.Check(t, func(t *rapid.T) {
		s, zone := drawSchedule(t), rapid.SampledFrom(zones).Draw(t, "zone")
		from := time.Unix(rapid.Int64Range(1262304000, 1893456000).Draw(t, "from"), 0) // 2010 to 2030
		due := s.Next(from, zone)
		if !due.After(from) || due.Sub(from) > longest[s.Every] {
			t.Fatalf("%s after %s: %s", s, from.In(zone), due)
		}
		between := from.Add(time.Duration(rapid.Int64Range(0, int64(due.Sub(from))-1).Draw(t, "between")))
		if got := s.Next(between, zone); !got.Equal(due) {
			t.Fatalf("%s: after %s comes %s, and after %s, which is before that, %s", s, from.In(zone), due, between.In(zone), got)
		}
		if again := s.Next(due, zone); !again.After(due) {
			t.Fatalf("%s: after %s comes %s", s, due, again)
		}
	})
}

func TestAScheduleThatMakesNoSenseIsToldWithAWayOut(t *testing.T) {
	for _, c := range []struct {
		want string
		s    Snapshots
	}{
		{"snapshots.every: it does not say how often", Snapshots{At: "03:00"}},
		{`snapshots.every: "often" is none of`, Snapshots{Every: "often"}},
		{`snapshots.at: "3 pm" is not HH:MM`, Snapshots{Every: Daily, At: "3 pm"}},
		{`snapshots.at: "24:00" is not HH:MM`, Snapshots{Every: Daily, At: "24:00"}},
		{`snapshots.at: "03:00" is not :MM`, Snapshots{Every: Hourly, At: "03:00"}},
		{`snapshots.weekday: "mon" is none of`, Snapshots{Every: Weekly, Weekday: "mon"}},
		{"only what is taken weekly", Snapshots{Every: Daily, Weekday: "monday"}},
		{`snapshots.quiesce: "maybe" is none of`, Snapshots{Every: Daily, Quiesce: "maybe"}},
		{"snapshots.keep: nothing would stay", Snapshots{Every: Daily, Keep: &Keep{}}},
		{"snapshots.keep.daily: -1 is not between", Snapshots{Every: Daily, Keep: &Keep{Daily: -1}}},
		{"up to 31 would stay, and 28 are the most", Snapshots{Every: Daily, Keep: &Keep{Hourly: 24, Daily: 7}}},
	} {
		found := Check(Definition{Name: "web", Spec: Spec{Snapshots: &c.s}})
		if len(found) == 0 || !strings.Contains(found[0].Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.s, found, c.want)
		}
	}
	for _, s := range []Snapshots{{Every: Hourly}, {Every: Hourly, At: ":59:59"}, {Every: Weekly, Weekday: "monday", At: "23:59"}, {Every: Daily, Keep: &Keep{Last: 3, Daily: 7, Weekly: 4, Monthly: 12, Yearly: 2}}} {
		if found := Check(Definition{Name: "web", Spec: Spec{Snapshots: &s}}); len(found) > 0 {
			t.Errorf("%s: %v", s, found)
		}
	}
}

func TestWithoutAWordTheLastSevenStay(t *testing.T) {
	full, filled := Effective(Spec{Snapshots: &Snapshots{Every: Daily}}, "x86_64")
	if full.Snapshots.Keep == nil || *full.Snapshots.Keep != (Keep{Last: 7}) || !strings.Contains(strings.Join(filled, " "), "snapshots.keep") {
		t.Errorf("%+v, filled %v", full.Snapshots, filled)
	}
	if got := NeedRestart(Spec{}, full); strings.Contains(strings.Join(got, " "), "snapshots") {
		t.Errorf("a schedule needs no restart: %v", got)
	}
}

func FuzzTimesOfDay(f *testing.F) {
	for _, s := range []string{"", "03:00", ":15", ":15:30", "23:59:59", "24:00", "-1:00", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, at string) {
		for _, every := range []Every{Hourly, Daily, "often"} {
			s := Snapshots{Every: every, At: at}
			_, ok := s.clock()
			due := s.Next(time.Unix(1767355200, 0), time.UTC)
			if good := ok && every != "often"; good == due.IsZero() {
				t.Errorf("%+v: understood %v, due %s", s, ok, due)
			}
		}
	})
}
