package vm

import "testing"

func TestEveryStateWithAQEMUHasAWordThatSaysIt(t *testing.T) {
	for _, s := range States() {
		word := s.RunState()
		if word == "" {
			if s.Alive() && s != StateUnknown { // it is unknown because QEMU says nothing
				t.Errorf("no word for %s", s)
			}
			continue
		}
		want := s
		if s == StateStarting { // before its monitor was asked; nothing can be seen of that
			want = StatePrelaunch
		}
		if got := StateOf(Seen{Process: &Process{}, RunState: word}, s == StateStopping); got != want {
			t.Errorf("%s is %q, and that is %s", s, word, got)
		}
	}
}
