//go:build e2e

package bench

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// BenchmarkResolvingFeatures resolves the recommended configurations, and the declarations that most is to be said of.
func BenchmarkResolvingFeatures(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rounds, times = 15, 1000
	var all []string
	for _, f := range catalogue.All() {
		if !f.Core {
			all = append(all, string(f.ID))
		}
	}
	type row struct {
		name string
		d    feature.Declaration
	}
	var rows []row
	for _, c := range catalogue.Default().Configurations() {
		d := feature.Declaration{Profile: c.Profile, RiskTolerance: string(c.Tolerance), EnabledFeatures: new([]string)}
		for _, id := range c.Enabled {
			*d.EnabledFeatures = append(*d.EnabledFeatures, string(id))
		}
		rows = append(rows, row{c.Name, d})
	}
	rows = append(rows,
		row{"profile full, accepting", feature.Declaration{Profile: "full", RiskTolerance: "accepting"}},
		row{"profile full, paranoid", feature.Declaration{Profile: "full", RiskTolerance: "paranoid"}},
		row{"every feature named", feature.Declaration{EnabledFeatures: &all, RiskTolerance: "accepting"}},
		row{"every feature named, over the cap", feature.Declaration{EnabledFeatures: &all, RiskTolerance: "paranoid"}},
		row{"the same, and each is also off", feature.Declaration{EnabledFeatures: &all, DisabledFeatures: all, RiskTolerance: "paranoid"}},
		row{"the same, and each is named twice", feature.Declaration{EnabledFeatures: &all, ExtraFeatures: all, RiskTolerance: "paranoid"}},
	)
	facts := feature.Facts{Platform: catalogue.LinuxX86}
	var t strings.Builder
	t.WriteString("| declaration | findings | median µs | least µs |\n|---|---|---|---|\n")
	for b.Loop() {
		for _, r := range rows {
			var took []time.Duration
			for range rounds {
				took = append(took, medianOf(1, func() {
					for range times {
						feature.Resolve(r.d, facts)
					}
				})/times)
			}
			fmt.Fprintf(&t, "| %s | %d | %.1f | %.1f |\n", r.name, len(feature.Resolve(r.d, facts).Findings), us(median(took)), us(slices.Min(took)))
		}
	}
	publish(b, "resolve", fmt.Sprintf("## Resolving a declaration of features\n\nIn memory, on one core, garbage collection included: %d rounds of %d.\n"+
		"By themselves: `go test -tags e2e -run '^$' -bench ResolvingFeatures -benchtime 1x ./test/bench -args -write`\n\n%s\nGoal: at most 50 µs.\n", rounds, times, t.String()))
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(time.Microsecond) }
