package fault

import (
	"errors"
	"fmt"
	"testing"
)

func TestAnErrorSaysWhatWhyAndWhatNext(t *testing.T) {
	cause := New(Conflict, "volume %q is held by operation 7f3a", "web-root").WithCode("HV-VOL-003").Try("hv operation wait 7f3a")
	err := Wrap(cause, "cannot start vm %q", "web")
	if got, want := err.Error(), `cannot start vm "web": volume "web-root" is held by operation 7f3a`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := HintOf(err); got != "hv operation wait 7f3a" {
		t.Errorf("the hint of the cause is lost: %q", got)
	}
	if got := CodeOf(err); got != "HV-VOL-003" {
		t.Errorf("the code of the cause is lost: %q", got)
	}
	if !errors.Is(err, Conflict) || errors.Is(err, NotFound) {
		t.Error("wrapping changed the kind")
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{nil, Internal},
		{errors.New("boom"), Internal},
		{NotFound, NotFound},
		{fmt.Errorf("cannot look: %w", New(Denied, "no")), Denied},
		{New(Unavailable, "later").Because(New(NotFound, "gone")), Unavailable},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if Wrap(nil, "nothing") != nil {
		t.Error("wrapping no error made one")
	}
}
