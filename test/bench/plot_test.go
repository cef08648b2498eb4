//go:build e2e

package bench

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// curve is one line of a plot.
type curve struct {
	name string
	x, y []float64
}

// A plot's size and margins, in pixels.
const (
	plotWidth, plotHeight                    = 720.0, 420.0
	plotLeft, plotRight, plotTop, plotBottom = 64.0, 150.0, 40.0, 48.0
	plotInnerWidth, plotInnerHeight          = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
	plotColours                              = "#1f77b4 #d62728 #2ca02c #9467bd"
)

// draw writes a plot with logarithmic axes to docs/pictures.
func draw(b *testing.B, file, title, unit string, curves []curve) {
	b.Helper()
	if err := os.WriteFile(filepath.Join("../../docs/pictures", file), []byte(svg(title, unit, curves)), 0o644); err != nil {
		b.Fatal(err)
	}
}

func svg(title, unit string, curves []curve) string {
	x0, x1 := decades(curves, func(c curve) []float64 { return c.x })
	y0, y1 := decades(curves, func(c curve) []float64 { return c.y })
	px := func(v float64) float64 { return plotLeft + (math.Log10(v)-x0)/(x1-x0)*plotInnerWidth }
	py := func(v float64) float64 { return plotTop + plotInnerHeight - (math.Log10(v)-y0)/(y1-y0)*plotInnerHeight }
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12" role="img" aria-label="%s">`+"\n", plotWidth, plotHeight, title)
	fmt.Fprintf(&s, `<rect width="100%%" height="100%%" fill="#fff"/><text x="%g" y="24" font-size="15">%s, in %s</text>`+"\n", plotLeft, title, unit)
	for d := y0; d <= y1; d++ {
		y := py(math.Pow(10, d))
		fmt.Fprintf(&s, `<line x1="%g" y1="%.1f" x2="%g" y2="%.1f" stroke="#ddd"/><text x="%g" y="%.1f" text-anchor="end">%g</text>`+"\n",
			plotLeft, y, plotWidth-plotRight, y, plotLeft-8, y+4, math.Pow(10, d))
	}
	for d := x0; d <= x1; d++ {
		x := px(math.Pow(10, d))
		fmt.Fprintf(&s, `<line x1="%.1f" y1="%g" x2="%.1f" y2="%g" stroke="#ddd"/><text x="%.1f" y="%g" text-anchor="middle">%g</text>`+"\n",
			x, plotTop, x, plotHeight-plotBottom, x, plotHeight-plotBottom+18, math.Pow(10, d))
	}
	fmt.Fprintf(&s, `<text x="%g" y="%g" text-anchor="middle">VMs</text>`+"\n", plotLeft+plotInnerWidth/2, plotHeight-10)
	colours := strings.Fields(plotColours)
	for i, c := range curves {
		colour := colours[i%len(colours)]
		points := make([]string, 0, len(c.x))
		for j := range c.x {
			points = append(points, fmt.Sprintf("%.1f,%.1f", px(c.x[j]), py(c.y[j])))
			fmt.Fprintf(&s, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s: %.4g %s</title></circle>`+"\n", px(c.x[j]), py(c.y[j]), colour, c.name, c.y[j], unit)
		}
		last := len(c.x) - 1
		fmt.Fprintf(&s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n",
			strings.Join(points, " "), colour, px(c.x[last])+8, py(c.y[last])+4, colour, c.name)
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// decades are the powers of ten around all values.
func decades(curves []curve, of func(curve) []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, c := range curves {
		for _, v := range of(c) {
			low, high = min(low, math.Log10(v)), max(high, math.Log10(v))
		}
	}
	low, high = math.Floor(low), math.Ceil(high)
	if low == high {
		high++
	}
	return low, high
}
