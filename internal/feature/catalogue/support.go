package catalogue

// Mark is a verdict of the specification's tables.
type Mark string

// The marks, best first.
const (
	Full    Mark = "full"    // ✅ fully compatible
	Limits  Mark = "limited" // ⚠️ compatible with limitations
	Nothing Mark = "none"    // ❌ not compatible
	NoPart  Mark = ""        // - plays no part
)

// Symbol returns the mark as the specification draws it.
func (m Mark) Symbol() string {
	switch m {
	case Full:
		return "✅"
	case Limits:
		return "⚠️"
	case Nothing:
		return "❌"
	case NoPart:
	}
	return "-"
}

// Short reports whether the mark falls short of full support, and so owes a reason and a remedy.
func (m Mark) Short() bool { return m == Limits || m == Nothing }

// Support is one cell of a table: how one thing supports another. What falls short has a reason, and a
// remedy: the way to yes.
type Support struct {
	Mark   Mark   `json:"mark"`
	Reason string `json:"reason,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// whole reports whether s says what its mark owes, and nothing else.
func (s Support) whole() bool {
	if s.Mark.Short() {
		return s.Reason != "" && s.Remedy != ""
	}
	return s.Reason == "" && s.Remedy == ""
}

// The words in which tables are written.
var (
	yes = Support{Mark: Full}
	na  = Support{Mark: NoPart}
)

func partly(reason, remedy string) Support { return Support{Limits, reason, remedy} }
func never(reason, remedy string) Support  { return Support{Nothing, reason, remedy} }
