package vm

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Every is how often a set is taken by itself.
type Every string

// The periods.
const (
	Hourly  Every = "hourly"
	Daily   Every = "daily"
	Weekly  Every = "weekly"
	Monthly Every = "monthly" // on its first day
	Yearly  Every = "yearly"  // on the first of January
)

// Weekday is a day of the week in words, in lower case.
type Weekday string

// Weekdays are all of them, as time.Weekday counts.
var Weekdays = []Weekday{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Snapshots says when sets of a VM are taken by themselves, and which of those stay. Sets that somebody has asked for are
// no concern of it.
type Snapshots struct {
	Every    Every   `json:"every,omitempty"`    // hourly | daily | weekly | monthly | yearly
	At       string  `json:"at,omitempty"`       // HH:MM or HH:MM:SS by the host's clock; :MM or :MM:SS with hourly; midnight, or the full hour, when absent
	Weekday  Weekday `json:"weekday,omitempty"`  // with weekly; sunday when absent
	WhileOff bool    `json:"whileOff,omitempty"` // also while the VM does not run, when nothing changes
	Quiesce  Quiesce `json:"quiesce,omitempty"`  // auto | yes | no, as of a set that is asked for; auto when absent
	Keep     *Keep   `json:"keep,omitempty"`     // the last seven when absent
}

// Keep says how many sets stay: the last ones, and the last of each of the last hours, days, weeks, months, years that have one.
// A set that any of them keeps stays.
type Keep struct {
	Last    int `json:"last,omitempty"`
	Hourly  int `json:"hourly,omitempty"`
	Daily   int `json:"daily,omitempty"`
	Weekly  int `json:"weekly,omitempty"`
	Monthly int `json:"monthly,omitempty"`
	Yearly  int `json:"yearly,omitempty"`
}

// DefaultKeep is how many sets of a schedule stay that does not say.
const DefaultKeep = 7

// MaxKeep is how many sets a schedule may keep. Each is a layer of every disk, of which there are 32 at most: one is written to,
// one comes before another goes, and some are left for sets that somebody asks for.
const MaxKeep = 28

// Sum is the most sets that stay.
func (k Keep) Sum() int { return k.Last + k.Hourly + k.Daily + k.Weekly + k.Monthly + k.Yearly }

// Key tells whether two schedules fall due at the same moments.
func (s Snapshots) Key() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Every, s.At, s.Weekday))
}

var (
	clockShape  = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])(:([0-5][0-9]))?$`)
	minuteShape = regexp.MustCompile(`^:([0-5][0-9])(:([0-5][0-9]))?$`)
)

// clockTime is a time of day; with hourly its hour is none.
type clockTime struct{ hour, minute, second int }

func (s Snapshots) clock() (clockTime, bool) {
	text := s.At
	if s.Every == Hourly {
		if text != "" && !minuteShape.MatchString(text) {
			return clockTime{}, false
		}
		text = "00" + cmp.Or(text, ":00")
	}
	m := clockShape.FindStringSubmatch(cmp.Or(text, "00:00"))
	if m == nil {
		return clockTime{}, false
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
	return clockTime{n(1), n(2), n(4)}, true
}

// Next is the first moment after t at which a set is due by clocks of zone; zero where the schedule is none. A time of day that a
// change of the clocks leaves out comes as long after midnight as it would have; of one that comes twice the first counts. Every
// hour that passes counts for hourly, also one that is there twice.
func (s Snapshots) Next(t time.Time, zone *time.Location) time.Time {
	at, ok := s.clock()
	if !ok || !slices.Contains([]Every{Hourly, Daily, Weekly, Monthly, Yearly}, s.Every) {
		return time.Time{}
	}
	t = t.In(zone)
	if s.Every == Hourly {
		return nextMinute(t, at)
	}
	year, month, day := t.Date()
	const most = 2 * 366 // days to the next one, of any schedule
	for i := -1; i < most; i++ {
		date := time.Date(year, month, day+i, 12, 0, 0, 0, time.UTC) // noon in UTC: a date and nothing else
		if !s.on(date) {
			continue
		}
		if due := moment(date, at, zone); due.After(t) {
			return due
		}
	}
	return time.Time{}
}

// nextMinute is the next time after t that a clock shows this minute and second of any hour. Clocks are changed by half an hour in
// places, so it is looked for minute by minute.
func nextMinute(t time.Time, at clockTime) time.Time {
	first := t.Add(-time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	for i := range 3 * 60 {
		due := first.Add(time.Duration(i)*time.Minute + time.Duration(at.second)*time.Second)
		if due.Minute() == at.minute && due.After(t) {
			return due
		}
	}
	return time.Time{}
}

// on reports whether a set is due on a date.
func (s Snapshots) on(date time.Time) bool {
	switch s.Every {
	case Weekly:
		return Weekdays[date.Weekday()] == cmp.Or(s.Weekday, Weekdays[time.Sunday])
	case Monthly:
		return date.Day() == 1
	case Yearly:
		return date.YearDay() == 1
	case Hourly, Daily:
	}
	return true
}

// moment is when clocks of zone show a time on a date: the first where they do twice, and where they never do what they would
// have shown without the change.
func moment(date time.Time, at clockTime, zone *time.Location) time.Time {
	year, month, day := date.Date()
	naive := time.Date(year, month, day, at.hour, at.minute, at.second, 0, time.UTC)
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	middle := naive.Add(-offset(naive))
	before := naive.Add(-offset(middle.Add(-24 * time.Hour))).In(zone)
	after := naive.Add(-offset(middle.Add(24 * time.Hour))).In(zone)
	shows := func(t time.Time) bool {
		y, m, d := t.Date()
		return y == year && m == month && d == day && t.Hour() == at.hour && t.Minute() == at.minute
	}
	if !shows(before) && shows(after) {
		return after
	}
	return before
}

// String is a schedule in words: "daily at 03:00".
func (s Snapshots) String() string {
	out := string(s.Every)
	if s.Every == Weekly {
		out = "weekly on " + string(cmp.Or(s.Weekday, Weekdays[time.Sunday]))
	}
	if s.At != "" {
		out += " at " + s.At
	}
	return out
}

// String is what stays in words: "last 3, daily 7".
func (k Keep) String() string {
	var parts []string
	for _, r := range k.rules() {
		if r.most > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", r.name, r.most))
		}
	}
	return strings.Join(parts, ", ")
}

func (s *Snapshots) clone() *Snapshots {
	out := clone(s)
	if out != nil {
		out.Keep = clone(out.Keep)
	}
	return out
}

func (c *check) snapshots(s *Snapshots) {
	if s == nil {
		return
	}
	if s.Every == "" {
		c.say("snapshots.every", `snapshots.every = "daily"`, "it does not say how often")
	}
	c.oneOf("snapshots.every", string(s.Every), string(Hourly), string(Daily), string(Weekly), string(Monthly), string(Yearly))
	if _, ok := s.clock(); !ok && s.Every == Hourly {
		c.say("snapshots.at", `use a minute of every hour, such as ":15"`, "%.20q is not :MM or :MM:SS", s.At)
	} else if !ok {
		c.say("snapshots.at", `use a time of day, such as "03:00"`, "%.20q is not HH:MM or HH:MM:SS", s.At)
	}
	var days []string
	for _, d := range Weekdays {
		days = append(days, string(d))
	}
	c.oneOf("snapshots.weekday", string(s.Weekday), days...)
	if s.Weekday != "" && s.Every != Weekly {
		c.say("snapshots.weekday", "leave it out", "only what is taken weekly is taken on a day of the week")
	}
	c.oneOf("snapshots.quiesce", string(s.Quiesce), string(QuiesceAuto), string(QuiesceYes), string(QuiesceNo))
	if s.Keep == nil {
		return
	}
	for _, p := range s.Keep.Check() {
		c.say("snapshots.keep"+p.Path, p.Hint, "%s", p.What)
	}
}

// Check says what is wrong with what is to stay; paths begin with a dot, or are empty.
func (k Keep) Check() []Problem {
	var out []Problem
	for _, r := range k.rules() {
		if r.most < 0 || r.most > MaxKeep {
			out = append(out, Problem{Path: "." + r.name, What: fmt.Sprintf("%d is not between 0 and %d", r.most, MaxKeep)})
		}
	}
	switch sum := k.Sum(); {
	case len(out) > 0:
	case sum == 0:
		out = append(out, Problem{What: "nothing would stay", Hint: "keep some: last = 7"})
	case sum > MaxKeep:
		out = append(out, Problem{What: fmt.Sprintf("up to %d would stay, and %d are the most: each is a layer of every disk, and a disk has 32 at most", sum, MaxKeep), Hint: "keep fewer"})
	}
	return out
}

// ScheduleStatus is what became of a VM's schedule of snapshots.
type ScheduleStatus struct {
	VM     string    `json:"vm"`     // the VM's UID: another may come to have its name
	For    string    `json:"for"`    // the schedule's key: of another one nothing is due that was before it
	Served time.Time `json:"served"` // what was due until then was seen to
	// Next is when the next one is due; it is worked out whenever it is asked for.
	Next *time.Time `json:"next,omitempty"`

	Last    *ScheduledRun `json:"last,omitempty"`    // the last that was begun
	Skipped *ScheduledRun `json:"skipped,omitempty"` // the last that was not, where it is later than that
	// Prune is why what is past its time is not gone; empty where it is.
	Prune string `json:"prune,omitempty"`
}

// ScheduledRun is one time that a schedule was due.
type ScheduledRun struct {
	Due       time.Time      `json:"due"`
	At        time.Time      `json:"at"` // when it was seen to
	State     ScheduledState `json:"state"`
	Snapshot  string         `json:"snapshot,omitempty"`
	Operation string         `json:"operation,omitempty"`
	Code      string         `json:"code,omitempty"` // of why it failed
	Why       string         `json:"why,omitempty"`
	Try       string         `json:"try,omitempty"`
}

// ScheduledState says what became of one time that a schedule was due.
type ScheduledState string

// What may have become of it.
const (
	ScheduledTaking  ScheduledState = "taking"
	ScheduledTaken   ScheduledState = "taken"
	ScheduledFailed  ScheduledState = "failed"
	ScheduledSkipped ScheduledState = "skipped"
)

// ParamScheduled is the parameter that an operation has which a schedule has asked for.
const ParamScheduled = "scheduled"

// ScheduledName is what a set is called that a schedule takes.
func ScheduledName(due time.Time) string { return "auto-" + due.UTC().Format("2006-01-02-150405") }
