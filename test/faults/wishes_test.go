//go:build linux

package faults_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

// Whatever is wished, in whatever order, and whatever crashes and comes back meanwhile: what was acknowledged
// last comes true.
func TestAnySequenceOfWishesAndCrashesConvergesToTheLastAcknowledged(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		script := rapid.SliceOfN(rapid.IntRange(0, 1<<16), 10, 120).Draw(r, "script")
		if !t.Run("sequence", func(t *testing.T) { play(t, script) }) {
			r.Fatal("what was acknowledged last has not come true")
		}
	})
}

// play does what the numbers of a script say.
func play(t *testing.T, script []int) {
	w := newWorld(t, func(n int) int {
		if len(script) == 0 {
			return 0
		}
		i := script[0]
		script = script[1:]
		return i % n
	}, []string{"a", "b"})
	points, helper := &fakehost.Points{}, &fakehost.Points{}
	w.boot(points, helper)
	for len(script) > 0 && !t.Failed() {
		switch w.pick(12) {
		case 0:
			w.note("restart")
			w.down()
		case 1:
			w.note("kill -9")
			points.Now()
			w.down()
		case 2:
			points.At = len(points.Names()) + 1 + w.pick(10)
			w.note("to be cut off at point %d", points.At)
		case 3:
			w.note("hv-helper is killed and started")
			helper.Now()
			helper.Revive()
		case 4:
			w.note("hv-helper is away for one wish")
			helper.Now()
			w.wish()
			helper.Revive()
		case 5:
			w.note("an hour passes")
			w.host.Advance(time.Hour)
		case 6:
			w.note("all ends that was asked for")
			w.settle(points)
		default:
			w.wish()
		}
		if points.Cut() {
			w.down()
		}
		if w.d == nil {
			points, helper = &fakehost.Points{}, &fakehost.Points{}
			w.boot(points, helper)
		}
	}
	points.Now()
	w.down()
	w.reckon("at the end")
	w.host.OneOutcome()
	if t.Failed() {
		t.Log(w.last())
	}
}
