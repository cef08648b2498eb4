package helper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/door"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

func TestOfEveryVerbItIsKnownWhetherASealedHostAnswersIt(t *testing.T) {
	for _, verb := range door.Verbs() {
		if _, known := whileSealed[verb]; !known {
			t.Errorf("%s does not say whether it gives a host more than it had", verb)
		}
	}
	if len(whileSealed) != len(door.Verbs()) {
		t.Errorf("%d verbs are known, and there are %d", len(whileSealed), len(door.Verbs()))
	}
}

// A helper is asked over its socket, without any hvd, as root may; and so is the one after it.
func TestASealedHostAnswersWhatRunsItAndRefusesWhatGivesItMore(t *testing.T) {
	o := options(t)
	ctx := t.Context()
	key := recovery.New([recovery.Random]byte{1, 2, 3})
	seal := privilege.Harden{
		Digest: privilege.DigestForm + strings.Repeat("0a", 32), KeyHash: string(recovery.HashOf(key, [recovery.SaltBytes]byte{9})), DelaySeconds: 60,
	}
	t.Run("the first", func(t *testing.T) {
		c := serving(t, o)
		if st, err := c.Phase(ctx); err != nil || st.Hardened {
			t.Fatalf("%+v %v", st, err)
		}
		if _, err := c.Socket(ctx, privilege.Uplink{VM: vmB, Socket: "net-lan"}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("in setup: %v", err)
		}
		if st, err := c.Harden(ctx, seal, []string{vmA}); err != nil || !st.Hardened || st.VMs != 1 {
			t.Fatalf("%+v %v", st, err)
		}
		if _, err := c.Unlock(ctx, privilege.Unlock{Key: recovery.New([recovery.Random]byte{}).Text()}); fault.KindOf(err) != fault.Denied {
			t.Errorf("a wrong key: %v", err)
		}
	})
	t.Run("the next", func(t *testing.T) {
		c := serving(t, o)
		for name, ask := range map[string]func() error{
			"socket": func() error { _, err := c.Socket(ctx, privilege.Uplink{VM: vmA, Socket: "net-lan"}); return err },
			"launch": func() error {
				_, _, err := c.Launch(ctx, privilege.Launch{VM: vmB, Name: "web", Arch: "x86_64", Args: []string{"-nodefaults"}}, nil)
				return err
			},
		} {
			if err := ask(); fault.KindOf(err) != fault.Denied || fault.CodeOf(err) != "HV-PHASE-013" {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, ask := range map[string]func() error{
			"hello": func() error { _, err := c.Hello(ctx); return err }, "list": func() error { _, err := c.List(ctx); return err },
			"cleanup": func() error { return c.Cleanup(ctx, vmB) }, "forget": func() error { return c.Forget(ctx, vmB) },
			"phase": func() error { _, err := c.Phase(ctx); return err }, "relock": func() error { _, err := c.Relock(ctx, privilege.Relock{}); return err },
		} {
			if err := ask(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := c.Unlock(ctx, privilege.Unlock{Key: key.Text()}); fault.KindOf(err) != fault.Exhausted {
			t.Errorf("what the wrong key has cost is forgotten: %v", err)
		}
		if _, err := c.Unseal(ctx); fault.KindOf(err) != fault.Precondition {
			t.Errorf("open without a key: %v", err)
		}
		if st, err := c.Harden(ctx, seal, nil); err != nil || st.VMs != 1 {
			t.Errorf("the same again: %+v %v", st, err)
		}
	})
	info, err := os.Stat(filepath.Join(o.State, "helper", "seal.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// What hvd asks before each change that a hardened host would refuse.
func BenchmarkPhase(b *testing.B) {
	c := serving(b, options(b))
	for b.Loop() {
		if _, err := c.Phase(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
