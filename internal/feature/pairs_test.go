package feature

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// What the specification's matrix marks; every other pair of its eight features is ✅.
var marked = map[[2]catalogue.ID]finding.Severity{
	{"threatDetection", "liveMigration"}:  finding.Limited,
	{"threatDetection", "gpuPassthrough"}: finding.Limited,
	{"mlAnalysis", "liveMigration"}:       finding.Limited,
	{"mlAnalysis", "gpuPassthrough"}:      finding.Limited,
	{"remoteBackup", "liveMigration"}:     finding.Refused,
	{"liveMigration", "gpuPassthrough"}:   finding.Refused,
}

func TestDeclaringAnyTwoOfTheMatrixComesOutAsItsCellSays(t *testing.T) {
	features := []string{"webDashboard", "api", "monitoring", "threatDetection", "mlAnalysis", "remoteBackup", "liveMigration", "gpuPassthrough"}
	cat, pairs := built(t), 0
	for i, a := range features {
		for _, b := range features[i:] {
			pairs++
			d := custom(a, b)
			d.RiskTolerance = "accepting"
			var got finding.Severity
			for _, f := range resolve(cat, d, ready()).Findings {
				if f.Code == codeConflict || f.Code == codeLimited {
					got = f.Severity
				}
				if f.Severity == finding.Refused && f.Code != codeConflict {
					t.Errorf("%s with %s is refused: %s", a, b, f.What)
				}
			}
			if want := marked[[2]catalogue.ID{catalogue.ID(a), catalogue.ID(b)}]; got != want {
				t.Errorf("%s with %s comes out %q, the matrix says %q", a, b, got, want)
			}
		}
	}
	if pairs != 36 {
		t.Errorf("%d pairs, want 36", pairs)
	}
}
