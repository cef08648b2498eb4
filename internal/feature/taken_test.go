package feature

import (
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// What findings share is the same after anything that is asked, by many at once.
func TestWhatFindingsShareStaysAsItIs(t *testing.T) {
	before := fmt.Sprint(spell(), selectedIn)
	rapid.Check(t, func(t *rapid.T) {
		d, f := drawDeclaration(t), drawFacts(t)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				r := Resolve(d, f)
				for _, id := range []catalogue.ID{catalogue.Monitoring, catalogue.Snapshots, catalogue.LiveMigration} {
					r.WhyOff(string(id))
					way := append(TurnOff(d, id), TurnOn(d, id)...)
					if _, err := Edited(d, way); err != nil {
						panic(err)
					}
				}
			})
		}
		all.Wait()
	})
	if after := fmt.Sprint(spell(), selectedIn); after != before {
		t.Error("a resolution has changed what all share")
	}
}

// A name out of each list takes the feature out of it; what is made once says what is made for one.
func TestAnEditThatIsMadeOnceIsTheOneThatIsMadeAnew(t *testing.T) {
	for place, f := range catalogue.Default().Each() {
		id := string(f.ID)
		for lists, want := range map[int]way{
			1 << inEnabled:            {remove(optEnabled, id)},
			1 << inExtra:              {remove(optExtra, id)},
			1<<inEnabled | 1<<inExtra: {remove(optEnabled, id), remove(optExtra, id)},
			1 << inDisabled:           {remove(optDisabled, id)},
		} {
			w := &wish{cat: catalogue.Default()}
			made, kept := w.worded(want), spell()[place].taken[lists]
			if fmt.Sprint(made.way, made.ways, made.words) != fmt.Sprint(kept.way, kept.ways, kept.words) {
				t.Errorf("%s, lists %b: %+v, and made once %+v", id, lists, made, kept)
			}
		}
	}
}
