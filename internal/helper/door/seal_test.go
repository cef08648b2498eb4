package door

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

func TestASealThatCouldNotHoldIsNotTaken(t *testing.T) {
	for name, spoil := range map[string]func(*privilege.Harden){
		"generation":                   func(h *privilege.Harden) { h.Generation = -1 },
		"digest":                       func(h *privilege.Harden) { h.Digest = "abc" },
		"a digest in another spelling": func(h *privilege.Harden) { h.Digest = strings.ToUpper(h.Digest) },
		"keyHash":                      func(h *privilege.Harden) { h.KeyHash = "$argon2id$v=19$m=19456,t=2,p=1$A$A" },
		"no keyHash":                   func(h *privilege.Harden) { h.KeyHash = "" },
		"a hash that takes for ever":   func(h *privilege.Harden) { h.KeyHash = strings.Replace(h.KeyHash, "t=2", "t=99999", 1) },
		"no delay":                     func(h *privilege.Harden) { h.DelaySeconds = 0 },
		"less than a minute":           func(h *privilege.Harden) { h.DelaySeconds = 59 },
		"more than a week":             func(h *privilege.Harden) { h.DelaySeconds = 7*24*3600 + 1 },
		"a name that a terminal obeys": func(h *privilege.Harden) { h.By.Name = "ann\x1b[2J" },
		"a long name":                  func(h *privilege.Harden) { h.By.Name = strings.Repeat("a", 300) },
	} {
		h := privilege.Harden{Digest: privilege.DigestForm + strings.Repeat("0a", 32), KeyHash: keyHash, DelaySeconds: 600}
		spoil(&h)
		if _, _, err := Let(message(t, privilege.VerbHarden, h), regular(t, 1)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Let(message(t, privilege.VerbHarden, samples()[privilege.VerbHarden]), nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no list of VMs: %v", err)
	}
	for _, key := range []string{"", strings.Repeat("A", 257)} {
		if _, _, err := Let(message(t, privilege.VerbUnlock, privilege.Unlock{Key: key}), nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a key of %d bytes: %v", len(key), err)
		}
	}
}

func TestTheListOfVMsIsReadWholeAndBounded(t *testing.T) {
	file := func(text string) *os.File {
		f := regular(t, 1)[0]
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return f
	}
	const a, b = "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001", "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a002"
	for text, want := range map[string][]string{"": nil, a: {a}, b + "\n" + a: {a, b}, a + "\n" + a: {a}} {
		if got, err := VMs(file(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"\n", a + "\n", a + "\n\n" + b, a + " ", strings.ToUpper(a), "../../etc", a + "\x00"} {
		if got, err := VMs(file(text)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	var most strings.Builder
	for i := range privilege.MaxSealed {
		fmt.Fprintf(&most, "0b8ff1a6-6c2e-4a9e-9a53-%012x\n", i)
	}
	if got, err := VMs(file(strings.TrimSuffix(most.String(), "\n"))); err != nil || len(got) != privilege.MaxSealed {
		t.Errorf("%d VMs: %v", len(got), err)
	}
	if _, err := VMs(file(most.String() + a + "x")); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("one more: %v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	if _, err := VMs(r); fault.KindOf(err) != fault.Unreadable {
		t.Errorf("a pipe that never ends: %v", err)
	}
}

func FuzzVMs(f *testing.F) {
	f.Add([]byte("0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001\n0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a002"))
	f.Fuzz(func(t *testing.T, data []byte) {
		vms, err := parseVMs(data, 1<<16)
		if err != nil {
			return
		}
		if !slices.IsSorted(vms) || len(slices.Compact(slices.Clone(vms))) != len(vms) || slices.ContainsFunc(vms, func(s string) bool { return !isUUID(s) }) {
			t.Errorf("%q", vms)
		}
	})
}
