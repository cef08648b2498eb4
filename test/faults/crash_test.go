//go:build linux

package faults_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

// crashes is how many times a daemon or hv-helper is cut off; HV_CRASHES names another number.
func crashes() int {
	if n, err := strconv.Atoi(os.Getenv("HV_CRASHES")); err == nil && n > 0 {
		return n
	}
	return 1000
}

const (
	perHost   = 100 // crashes of one host, so that what it has to read stays small
	reckoning = 10  // after so many everything is looked at
)

// Daemons come and are cut off, and so is hv-helper beside them, at points and while VMs that are all
// followed. Whatever was acknowledged comes true, no VM is lost or started twice, and nothing is left.
func TestAThousandCrashesLoseNothing(t *testing.T) {
	where, began, started, total := map[string]int{}, time.Now(), 0, crashes()
	for seed := 1; (seed-1)*perHost < total; seed++ {
		left := min(perHost, total-(seed-1)*perHost)
		well := t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(seed), 1)) // #nosec G404 -- the same crashes each time
			w := newWorld(t, rnd.IntN, []string{"a", "b", "c", "d"})
			for n := range left {
				where[w.crash(n)]++
				if n%reckoning == reckoning-1 || n == left-1 {
					w.reckon(fmt.Sprintf("after %d crashes", n+1))
				}
				if t.Failed() {
					t.Fatalf("at crash %d: %s", n+1, w.last())
				}
			}
			w.host.OneOutcome()
			started += w.host.Launches()
		})
		if !well {
			break
		}
	}
	var lines []string
	for _, point := range slices.Sorted(maps.Keys(where)) {
		lines = append(lines, fmt.Sprintf("%s: %d", point, where[point]))
	}
	t.Logf("%d crashes at %d points in %s, %d QEMUs started: %s", total, len(where), time.Since(began).Round(time.Second), started, strings.Join(lines, ", "))
}

// crash is one life of a daemon: it is asked for one thing or two, and it or hv-helper is cut off.
func (w *world) crash(n int) string {
	points, helper := &fakehost.Points{}, &fakehost.Points{}
	cut := points
	if w.pick(4) == 0 {
		cut = helper
	}
	cut.At = 1 + w.pick(9)
	if w.pick(2) == 0 {
		cut.At += w.pick(12)
	}
	w.boot(points, helper)
	for range 1 + w.pick(2) {
		if w.d != nil && !cut.Cut() {
			w.wish()
		}
	}
	if w.d != nil {
		w.settle(cut)
	}
	at := "nothing under way"
	if cut.Cut() {
		at = cut.Last()
	}
	cut.Now()
	w.down()
	w.note("crash %d at %q", n, at)
	return at
}
