package nixlang

import "math"

func arithmetic(name string, f func(l, r *value, at pos) (*value, error)) primitive {
	return primitive{name, 2, func(m *machine, at pos, args []*value) (*value, error) {
		for _, a := range args {
			if err := m.force(a, at); err != nil {
				return nil, err
			}
		}
		return f(args[0], args[1], at)
	}}
}

func bitwise(name string, f func(a, b int64) int64) primitive {
	return primitive{name, 2, func(m *machine, at pos, args []*value) (*value, error) {
		a, err := m.intArg(args[0], at)
		if err != nil {
			return nil, err
		}
		b, err := m.intArg(args[1], at)
		return intValue(f(a, b)), err
	}}
}

// rounded is ceil or floor; what does not fit into 64 bits is an error.
func rounded(name string, f func(float64) float64) primitive {
	return primitive{name, 1, func(m *machine, at pos, args []*value) (*value, error) {
		if err := m.force(args[0], at); err != nil {
			return nil, err
		}
		if args[0].tag == tagInt {
			return args[0], nil
		}
		if err := m.want(args[0], tagFloat, at); err != nil {
			return nil, err
		}
		x := f(args[0].float())
		if !(x >= math.MinInt64 && x < math.MaxInt64) { // false for NaN too
			return nil, failf(at, "%s of %s does not fit into an integer", name, floatText(args[0].float()))
		}
		return intValue(int64(x)), nil
	}}
}

var numberBuiltins = []primitive{
	arithmetic("add", add),
	arithmetic("sub", subtract),
	arithmetic("mul", multiply),
	arithmetic("div", divide),
	bitwise("bitAnd", func(a, b int64) int64 { return a & b }),
	bitwise("bitOr", func(a, b int64) int64 { return a | b }),
	bitwise("bitXor", func(a, b int64) int64 { return a ^ b }),
	rounded("ceil", math.Ceil),
	rounded("floor", math.Floor),
	{"lessThan", 2, func(m *machine, at pos, args []*value) (*value, error) {
		is, err := m.lessParts(args[0], args[1], at)
		return boolValue(is), err
	}},
}
