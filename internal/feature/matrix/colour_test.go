package matrix

import (
	"math"
	"strconv"
	"testing"
)

// luminance is the relative luminance of a colour, written as three or six hexadecimal digits (WCAG 2.2).
func luminance(hex string) float64 {
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestLuminanceIsThatOfTheGuideline(t *testing.T) {
	if luminance("fff") < 0.999 || luminance("000000") != 0 || math.Abs(luminance("808080")-0.2159) > 0.001 {
		t.Error("luminance is wrong")
	}
}
