package cli_test

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// seal is the phase of a fake. It remembers all bodies that came.
type seal struct {
	phase    wire.Phase
	hash     recovery.Hash
	wrong    finding.List // what keeps it from being hardened
	breaks   bool         // it does what it is asked, and answers nothing
	refuses  bool         // it refuses after it has looked
	fails    bool         // it says that it failed on the way
	hangs    func()       // it answers when this returns
	asked    []string
	hardened int
}

func (f *fake) phaseRoutes(on func(string, http.HandlerFunc)) {
	f.seal.phase = wire.Phase{Phase: host.Phase{Name: "setup"}, Generation: 3, Digest: "sha256:0123456789abcdef"}
	on("GET /v1/phase", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		answer(w, http.StatusOK, f.seal.phase)
	})
	on("POST /v1/phase/actions/harden", f.harden)
	on("POST /v1/phase/actions/unlock", f.unlock)
	on("POST /v1/phase/actions/relock", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.called(w, r, "call the unlock off") {
			f.begin(w, "phase.relock", "host", "this", func() { f.seal.phase.Unlock = nil })
		}
	})
}

// sealed looks at the seal, or sets it up; requests may come meanwhile.
func (f *fake) sealed(do func(*seal)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(&f.seal)
}

func (f *fake) harden(w http.ResponseWriter, r *http.Request) {
	var body wire.Harden
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mu.Lock()
	defer f.mu.Unlock()
	dry := r.URL.Query().Get("dryRun") == "true"
	switch {
	case dry && len(f.seal.wrong) > 0:
		answer(w, http.StatusOK, wire.Preview{Plan: []wire.PlanStep{}, Findings: f.seal.wrong, Refused: true})
		return
	case f.called(w, r, "checked: the audit log is whole", "seal the host"):
		return
	case f.seal.refuses:
		refuse(w, wire.Problem{Title: "conflict", Status: http.StatusConflict, Detail: "a declaration is being applied", Code: "HV-CFG-003"})
		return
	}
	f.seal.asked = append(f.seal.asked, body.KeyHash)
	if f.seal.fails {
		refuse(w, wire.Problem{Title: "unavailable", Status: wire.StatusOf(fault.Unavailable), Detail: "hv-helper did not answer"})
		return
	}
	if hangs := f.seal.hangs; hangs != nil {
		f.mu.Unlock()
		hangs()
		f.mu.Lock()
	}
	since, actor := epoch, operation.Actor{Name: "ada", Via: "socket"}
	f.seal.hash = recovery.Hash(body.KeyHash)
	f.seal.hardened++
	f.seal.phase.Phase = host.Phase{
		Name: "hardened", Since: &since, By: &actor, KeyID: f.seal.hash.ID(), UnlockDelay: 600,
		Sealed: &host.Sealed{Generation: 3, Digest: "sha256:0123456789abcdef", VMs: 4},
	}
	if f.seal.breaks {
		panic(http.ErrAbortHandler)
	}
	f.begin(w, "phase.harden", "host", "this", func() {})
}

func (f *fake) unlock(w http.ResponseWriter, r *http.Request) {
	var body wire.Unlock
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.called(w, r, "hold the recovery key against the seal") {
		return
	}
	if k, err := recovery.Parse(body.Key); err != nil || !f.seal.hash.Matches(k) {
		refuse(w, wire.Problem{Title: "denied", Status: wire.StatusOf(fault.Denied), Detail: "this is not the recovery key of this host", Code: "HV-PHASE-006"})
		return
	}
	f.begin(w, "phase.unlock", "host", "this", func() {
		f.seal.phase.Unlock = &host.Unlock{By: operation.Actor{Name: "ada", Via: "socket"}, Asked: time.Now(), Due: time.Now().Add(10 * time.Minute)}
	})
}
