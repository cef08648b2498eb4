package probe

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

func TestQEMUSaysItsVersionAndMachines(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := program(t, "works")
	got := QEMU(t.Context(), "x86_64", path)
	want := host.QEMU{Path: path, Arch: "x86_64", Version: "7.2.22", Package: "Debian", Machines: []host.Machine{
		{Name: "pc-i440fx-7.2", Alias: "pc", CPUs: 255}, {Name: "pc-q35-7.2", Alias: "q35", CPUs: 288},
	}}
	key := got.Key
	got.Key = ""
	if d := cmp.Diff(want, got); d != "" || !strings.HasPrefix(key, path+":") || !want.OK() {
		t.Errorf("key %q\n%s", key, d)
	}
}

func TestAQEMUThatCannotBeUsedSaysWhy(t *testing.T) {
	defer goleak.VerifyNone(t)
	for mode, want := range map[string]string{
		"old":     "QEMU 6.2.0 is older than 7.2",
		"dies":    "PATH cannot be asked: exit status 127: qemu: error while loading shared libraries",
		"garbage": "PATH cannot be asked: ",
	} {
		t.Run(mode, func(t *testing.T) {
			path := program(t, mode)
			q := QEMU(t.Context(), "x86_64", path)
			if got := strings.ReplaceAll(q.Why, path, "PATH"); !strings.HasPrefix(got, want) || q.OK() || q.Path != path || q.Key == "" {
				t.Errorf("%+v", q)
			}
		})
	}
}

func TestAQEMUThatIsSilentIsGivenUp(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := program(t, "silent")
	if q := askWithin(t.Context(), 50*time.Millisecond, "x86_64", path); q.Why != path+" gave no answer within 50ms" {
		t.Errorf("%+v", q)
	}
}

func TestAQEMUThatIsNotThereIsNotInstalled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qemu")
	want := host.QEMU{Arch: "aarch64", Why: path + " is not installed"}
	if d := cmp.Diff(want, QEMU(t.Context(), "aarch64", path)); d != "" {
		t.Error(d)
	}
}

func TestAskingEndsWithWhoeverAsks(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if q := QEMU(ctx, "x86_64", program(t, "silent")); q.OK() || !strings.Contains(q.Why, "canceled") {
		t.Errorf("%+v", q)
	}
}

func TestTheLastWordsOfAProgramAreBounded(t *testing.T) {
	w := &tail{}
	for range 100 {
		if n, err := w.Write([]byte(strings.Repeat("x", 999) + "\n")); n != 1000 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, _ = w.Write([]byte("the \xff end\n"))
	if got := w.String(); len(got) > maxTail+2 || lastLine(got) != "the ? end" {
		t.Errorf("%d bytes, last %q", len(got), lastLine(got))
	}
}
