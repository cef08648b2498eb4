package privilege

import (
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// maxFailure bounds the text of a failure, so that an answer that lists a thousand wrong arguments
// still fits into one message.
const maxFailure = 16 << 10

// FailureOf puts an error into the shape that travels. The chain of causes becomes one text.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	return &Failure{
		Kind: fault.KindOf(err).Error(),
		Code: fault.CodeOf(err),
		What: cut(err.Error()),
		Hint: cut(fault.HintOf(err)),
	}
}

// Err turns a failure that came back into an error of its kind. A kind that this build does not know
// is Internal.
func (f *Failure) Err() error {
	if f == nil {
		return nil
	}
	e := fault.New(kindNamed(f.Kind), "%s", f.What).WithCode(f.Code)
	e.Hint = f.Hint
	return e
}

func kindNamed(name string) fault.Kind {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if k.Error() == name {
			return k
		}
	}
	return fault.Internal
}

func cut(s string) string {
	if len(s) <= maxFailure {
		return s
	}
	return strings.ToValidUTF8(s[:maxFailure], "") + " …"
}
