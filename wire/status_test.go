package wire

import (
	"net/http"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestKindsAndStatusesAreOneTableReadBothWays(t *testing.T) {
	seen := map[int]fault.Kind{}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		status := StatusOf(k)
		if other, twice := seen[status]; twice {
			t.Errorf("%v and %v are both %d", k, other, status)
		}
		seen[status] = k
		if KindOf(status) != k {
			t.Errorf("%v became %d became %v", k, status, KindOf(status))
		}
		if _, twice := others[status]; twice {
			t.Errorf("%d stands in both tables", status)
		}
	}
	for status, want := range map[int]fault.Kind{
		http.StatusGone: fault.Precondition, http.StatusTooManyRequests: fault.Exhausted, http.StatusUpgradeRequired: fault.Precondition,
		http.StatusTeapot: fault.Internal, http.StatusMovedPermanently: fault.Internal,
	} {
		if got := KindOf(status); got != want {
			t.Errorf("%d: %v", status, got)
		}
	}
	if StatusOf(fault.Kind(200)) != http.StatusInternalServerError {
		t.Error("an unknown kind is not our mistake")
	}
}
