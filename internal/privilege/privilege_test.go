package privilege

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestEveryStateFolderHasARunFolderOfItsOwn(t *testing.T) {
	for state, want := range map[string]string{
		"/var/lib/hyper-nixos":       "/run/hv/66c4b178",
		"/var/lib/hyper-nixos/":      "/run/hv/66c4b178",
		"/var/lib/x/../hyper-nixos/": "/run/hv/66c4b178",
		"/var/lib/hyper-nixos-try":   "/run/hv/",
	} {
		got := RunFolder(state)
		if len(got) != len("/run/hv/01234567") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", state, got, want)
		}
	}
}

func TestAFailureArrivesAsWhatItWas(t *testing.T) {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		sent := fault.New(k, "cannot start").Because(errors.New("no room")).WithCode("HV-X-001").Try("make room")
		got := FailureOf(fmt.Errorf("wrapped: %w", sent)).Err()
		if fault.KindOf(got) != k || fault.CodeOf(got) != "HV-X-001" || fault.HintOf(got) != "make room" || got.Error() != "wrapped: cannot start: no room" {
			t.Errorf("%v: %v", k, got)
		}
	}
	if FailureOf(nil) != nil || (*Failure)(nil).Err() != nil {
		t.Error("no failure is an error")
	}
	if k := fault.KindOf((&Failure{Kind: "of a later build"}).Err()); k != fault.Internal {
		t.Errorf("an unknown kind is %v", k)
	}
}

func TestALongFailureStillFits(t *testing.T) {
	f := FailureOf(errors.New(strings.Repeat("ü", maxFailure)))
	if len(f.What) > maxFailure+8 || !strings.HasSuffix(f.What, "…") {
		t.Errorf("%d bytes", len(f.What))
	}
}
