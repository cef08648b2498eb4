package nixlang

func isTag(name string, tags ...tag) primitive {
	return primitive{name, 1, func(m *machine, at pos, args []*value) (*value, error) {
		if err := m.force(args[0], at); err != nil {
			return nil, err
		}
		for _, t := range tags {
			if args[0].tag == t {
				return trueValue, nil
			}
		}
		return falseValue, nil
	}}
}

var typeBuiltins = []primitive{
	isTag("isAttrs", tagAttrs),
	isTag("isBool", tagBool),
	isTag("isFloat", tagFloat),
	isTag("isFunction", tagLambda, tagPrimitive, tagPartial),
	isTag("isInt", tagInt),
	isTag("isList", tagList),
	isTag("isNull", tagNull),
	isTag("isPath", tagPath),
	isTag("isString", tagString),
	{"typeOf", 1, func(m *machine, at pos, args []*value) (*value, error) {
		if err := m.force(args[0], at); err != nil {
			return nil, err
		}
		return stringValue(args[0].typeName()), nil
	}},
	{"functionArgs", 1, functionArgs},
}

// functionArgs tells which arguments of a pattern have a default.
func functionArgs(m *machine, at pos, args []*value) (*value, error) {
	if err := m.force(args[0], at); err != nil {
		return nil, err
	}
	switch args[0].tag {
	case tagPrimitive, tagPartial:
		return attrsValue(emptyAttrs), nil
	case tagLambda:
	default:
		return nil, failf(at, "'functionArgs' requires a function and was given %s", args[0].what())
	}
	f := args[0].lambda()
	if f.pattern == nil {
		return attrsValue(emptyAttrs), nil
	}
	items := make([]attr, 0, len(f.pattern.formals))
	for _, fm := range f.pattern.formals {
		items = append(items, attr{fm.name, boolValue(fm.otherwise != nil), fm.pos})
	}
	m.charge(len(items) * sizeAttr)
	return attrsValue(newAttrs(items)), nil
}
