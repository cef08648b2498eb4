//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// said is what a command prints for programs.
func said[T any](t *testing.T, h *onehost.Host, args ...string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(must(t, h, append(args, "-o", "json")...)), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestADeclarationIsPlannedAppliedAndRolledBackUnderAVM(t *testing.T) {
	h := onehost.New(t)
	const host = "{\n  hypervisor.vms.web = { power = \"paused\"; %s };\n}\n"
	first := file(t, "host.nix", fmt.Sprintf(host, `memory = "64MiB";`))
	second := file(t, "host.nix", fmt.Sprintf(host, `memory = "128MiB"; description = "larger";`))
	must(t, h, "config", "apply", "--yes", first)
	must(t, h, "config", "status", "--exit-code")
	refused(t, h, 1, []string{first + ":2:", "is edited there only", "HV-VM-023"}, "vm", "edit", "web", "--set", "cpus=2")

	p := said[wire.Preview](t, h, "config", "apply", "--dry-run", second)
	if v := p.Config.VMs; len(v) != 1 || v[0].Becomes != wire.PendingRestart || len(v[0].Changes) != 2 || v[0].Changes[0].Restart || !v[0].Changes[1].Restart {
		t.Errorf("%+v", v)
	}
	must(t, h, "config", "apply", "--yes", "--plan", p.Config.Digest, "-m", "larger", second)
	refused(t, h, 1, []string{"HV-CFG-006"}, "config", "apply", "--yes", "--plan", p.Config.Digest, first)
	if out := must(t, h, "config", "apply", "--yes", second); strings.TrimSpace(out) != "nothing to do" {
		t.Errorf("the same again: %s", out)
	}
	st := said[wire.ConfigStatus](t, h, "config", "status")
	if len(st.Drift) != 1 || st.Drift[0].Kind != wire.DriftPending || st.Drift[0].Path != "memory" || st.Generation != 2 {
		t.Errorf("%+v", st)
	}
	refused(t, h, 1, nil, "config", "status", "--exit-code", "-q")

	must(t, h, "config", "rollback", "--yes")
	must(t, h, "config", "status", "--exit-code")
	all := said[wire.Generations](t, h, "config", "history")
	if len(all.Items) != 3 || all.Items[0].Restores != 1 || all.Items[1].Message != "larger" || all.Items[0].Digest != all.Items[2].Digest {
		t.Errorf("%+v", all)
	}
	must(t, h, "config", "diff", "@1")
	must(t, h, "config", "diff", first)
	refused(t, h, 1, nil, "config", "diff", "@2")
}

// settled waits until what stands was wished for whole.
func settled(t *testing.T, h *onehost.Host) wire.ConfigStatus {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		st := said[wire.ConfigStatus](t, h, "config", "status")
		if st.Complete && st.Applying == nil {
			return st
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("it is never finished")
		}
	}
}

// hvd gets kill -9 while it applies a declaration whose VMs come, change and go. What stands when the next one is
// up is the one or the other, and its VMs are as it has them.
func TestAnApplyThatIsKilledIsFinishedByTheNextHvd(t *testing.T) {
	h := onehost.New(t)
	declared := func(from, memory int) string {
		var b strings.Builder
		for i := from; i < from+12; i++ {
			power := "off"
			if i%6 == 0 {
				power = "paused"
			}
			fmt.Fprintf(&b, "  hypervisor.vms.vm-%d = { memory = \"%dMiB\"; power = %q; };\n", i, memory, power)
		}
		return file(t, "host.nix", "{\n"+b.String()+"}\n")
	}
	files := []string{declared(0, 64), declared(3, 128)}
	must(t, h, "config", "apply", "--yes", files[0])
	random := rand.New(rand.NewPCG(44, 1)) // #nosec G404 -- a seed makes the run the same again
	for round := range 6 {
		next := files[(round+1)%2]
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, _, _ = h.HV(ctx, nil, "config", "apply", "--yes", "--no-wait", next) // it may come through or not
		}()
		wait := time.NewTimer(time.Duration(random.IntN(250)) * time.Millisecond) // any moment of the apply
		<-wait.C
		if err := h.EndHVD(syscall.SIGKILL); err != nil {
			t.Logf("round %d: %v", round, err)
		}
		<-ended
		h.StartHVD()
		st := settled(t, h)
		d, err := config.Decode(said[wire.Config](t, h, "config", "show").Declaration)
		if err != nil {
			t.Fatal(err)
		}
		var want, have []string
		for _, v := range said[struct {
			Items []wire.VMSummary `json:"items"`
		}](t, h, "vm", "list").Items {
			if v.Origin == "declared" {
				have = append(have, fmt.Sprintf("%s %s %s", v.Name, v.Memory, v.Wish))
			}
		}
		for _, name := range d.Names() {
			want = append(want, fmt.Sprintf("%s %s %s", name, d.VMs[name].Memory, d.VMs[name].Power))
		}
		slices.Sort(want)
		slices.Sort(have)
		if !slices.Equal(want, have) {
			t.Fatalf("round %d, generation %d:\nwant %v\nhave %v", round, st.Generation, want, have)
		}
		t.Logf("round %d: generation %d stands", round, st.Generation)
	}
	must(t, h, "config", "apply", "--yes", file(t, "none.nix", "{ }"))
}
