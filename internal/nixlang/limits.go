package nixlang

// Limits bound what one evaluation may use. A field that is zero takes its default, so that the
// zero Limits are DefaultLimits. Reaching one is an error that names it.
type Limits struct {
	SourceBytes int   // size of one file or expression, and of one file that readFile reads
	Files       int   // files read by import and readFile, the first one included
	Nesting     int   // levels of syntax inside each other
	Depth       int   // evaluations inside each other; it also keeps the Go stack small
	Steps       int64 // expressions evaluated and list or set elements visited
	Memory      int64 // bytes ever allocated for values, estimated; never given back
}

// DefaultLimits returns limits that a declaration of some thousand VMs stays well below.
func DefaultLimits() Limits {
	return Limits{
		SourceBytes: 1 << 20,
		Files:       200,
		Nesting:     1000,
		Depth:       30_000,
		Steps:       20_000_000,
		Memory:      512 << 20,
	}
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	return Limits{
		SourceBytes: positive(l.SourceBytes, d.SourceBytes),
		Files:       positive(l.Files, d.Files),
		Nesting:     positive(l.Nesting, d.Nesting),
		Depth:       positive(l.Depth, d.Depth),
		Steps:       positive(l.Steps, d.Steps),
		Memory:      positive(l.Memory, d.Memory),
	}
}

func positive[T int | int64](n, otherwise T) T {
	if n > 0 {
		return n
	}
	return otherwise
}
