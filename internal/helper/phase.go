package helper

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/seal"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// whileSealed are the verbs that a hardened host answers, whoever asks: they run, look at, end or tidy up what is
// there. The others give it more than it had. A verb that is not here is refused; launch is held against the VMs that
// were there by itself.
var whileSealed = map[privilege.Verb]bool{
	privilege.VerbHello: true, privilege.VerbListen: true, privilege.VerbList: true, privilege.VerbUsage: true, privilege.VerbThreads: true,
	privilege.VerbKVM: true, privilege.VerbAttach: true, privilege.VerbLaunch: true, privilege.VerbKill: true, privilege.VerbCleanup: true,
	privilege.VerbForget: true, privilege.VerbUplink: true, privilege.VerbPin: true,
	privilege.VerbPhase: true, privilege.VerbHarden: true, privilege.VerbUnlock: true, privilege.VerbRelock: true, privilege.VerbUnseal: true,
	privilege.VerbThinPool: true, privilege.VerbThinChange: true, privilege.VerbThinOpen: true, // in pools that root has tagged
	privilege.VerbShares:     true,
	privilege.VerbPoolFolder: false, // one more place to keep volumes in
	privilege.VerbSecret:     true,  // what is sealed is opened; doBody refuses to seal
	privilege.VerbSocket:     false, // one more network card for a VM
}

// openSeal reads the phase. It never fails: a seal that cannot be read holds.
func (h *Helper) openSeal() {
	h.seal = seal.Open(h.state, seal.Clock{Now: time.Now, Up: up, Boot: h.boot})
	h.say("%s", seal.Describe(h.seal.State()))
}

// up is how long this boot has lasted, also while the host slept.
func up() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0 // nothing is due then
	}
	return time.Duration(t.Nano())
}

// sealed answers a verb of the seal, and says what it has changed.
func (h *Helper) sealed(verb privilege.Verb) func(privilege.SealState, error) (any, []*os.File, error) {
	return func(st privilege.SealState, err error) (any, []*os.File, error) {
		if err != nil {
			h.say("%s was refused: %v", verb, err)
			return nil, nil, err
		}
		h.say("%s: %s", verb, seal.Describe(st))
		return st, nil, nil
	}
}
