package model

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Bytes is a size in bytes. It is written as a JSON number of bytes and read from one, or from a
// string with an IEC unit: "2GiB", and "2G" as the same, as QEMU reads it.
type Bytes int64

// IEC units.
const (
	KiB Bytes = 1 << (10 * (iota + 1))
	MiB
	GiB
	TiB
	PiB
)

var units = []struct {
	name string
	size Bytes
}{{"PiB", PiB}, {"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}}

// ParseBytes reads "512", "512MiB", "512M" or "1.5GiB". A fraction must come out as whole bytes.
func ParseBytes(s string) (Bytes, error) {
	bad := func(why string) (Bytes, error) {
		return 0, fault.New(fault.Invalid, "size %.40q %s", s, why).Try("write it like 512MiB, 2GiB or a number of bytes")
	}
	number, unit := strings.TrimSpace(s), Bytes(1)
	for _, u := range units {
		short := u.name[:1]
		for _, suffix := range []string{u.name, short, strings.ToLower(short)} {
			if rest, ok := strings.CutSuffix(number, suffix); ok && unit == 1 {
				number, unit = strings.TrimSpace(rest), u.size
			}
		}
	}
	if unit == 1 {
		number = strings.TrimSpace(strings.TrimSuffix(number, "B"))
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n < 0 {
			return bad("is negative")
		}
		if n > math.MaxInt64/int64(unit) {
			return bad("is more than 8 EiB")
		}
		return Bytes(n) * unit, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || strings.ContainsAny(number, "eExXpP_nNiI") {
		return bad("is not a size")
	}
	exact := f * float64(unit)
	if f < 0 || exact >= math.MaxInt64 || exact != math.Trunc(exact) {
		return bad("is not a whole number of bytes")
	}
	return Bytes(exact), nil
}

// String writes the largest unit that divides b, or two digits of the largest below it: "2GiB",
// "1.5GiB", "17B".
func (b Bytes) String() string {
	for _, u := range units {
		if b >= u.size || -b >= u.size {
			if b%u.size == 0 {
				return fmt.Sprintf("%d%s", b/u.size, u.name)
			}
			return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", float64(b)/float64(u.size)), "0"), ".") + u.name
		}
	}
	return fmt.Sprintf("%dB", int64(b))
}

// UnmarshalJSON reads a number of bytes or a string with a unit.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var s string
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
	} else {
		s = string(data)
	}
	v, err := ParseBytes(s)
	if err != nil {
		return err
	}
	*b = v
	return nil
}
