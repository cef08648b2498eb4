package nixlang

import "math"

// The arithmetic of Nix: two integers give an integer, anything else a float. What does not fit
// into 64 bits is an error.

func wantNumber(v *value, at pos) error {
	if v.isNumber() {
		return nil
	}
	return failf(at, "value is %s while a number was expected", v.what())
}

func numbers(l, r *value, at pos) (bothInts bool, err error) {
	if err := wantNumber(l, at); err != nil {
		return false, err
	}
	return l.tag == tagInt && r.tag == tagInt, wantNumber(r, at)
}

func overflow(at pos, l *value, sign string, r *value) error {
	return failf(at, "integer overflow in %d %s %d", l.int(), sign, r.int())
}

func add(l, r *value, at pos) (*value, error) {
	ints, err := numbers(l, r, at)
	if err != nil {
		return nil, err
	}
	if !ints {
		return floatValue(l.number() + r.number()), nil
	}
	a, b := l.int(), r.int()
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return nil, overflow(at, l, "+", r)
	}
	return intValue(a + b), nil
}

func subtract(l, r *value, at pos) (*value, error) {
	ints, err := numbers(l, r, at)
	if err != nil {
		return nil, err
	}
	if !ints {
		return floatValue(l.number() - r.number()), nil
	}
	a, b := l.int(), r.int()
	if b < 0 && a > math.MaxInt64+b || b > 0 && a < math.MinInt64+b {
		return nil, overflow(at, l, "-", r)
	}
	return intValue(a - b), nil
}

func multiply(l, r *value, at pos) (*value, error) {
	ints, err := numbers(l, r, at)
	if err != nil {
		return nil, err
	}
	if !ints {
		return floatValue(l.number() * r.number()), nil
	}
	a, b := l.int(), r.int()
	product := a * b
	if a != 0 && (product/a != b || a == -1 && b == math.MinInt64) {
		return nil, overflow(at, l, "*", r)
	}
	return intValue(product), nil
}

func divide(l, r *value, at pos) (*value, error) {
	ints, err := numbers(l, r, at)
	if err != nil {
		return nil, err
	}
	if r.number() == 0 {
		return nil, failf(at, "division by zero")
	}
	if !ints {
		return floatValue(l.number() / r.number()), nil
	}
	if l.int() == math.MinInt64 && r.int() == -1 {
		return nil, overflow(at, l, "/", r)
	}
	return intValue(l.int() / r.int()), nil
}
