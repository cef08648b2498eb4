package agent

import (
	"context"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// How often a program that runs in a guest is asked after: the agent tells nobody by itself.
const (
	firstAsk = 20 * time.Millisecond
	lastAsk  = 500 * time.Millisecond
)

type (
	execArgs struct {
		Path    string   `json:"path"`
		Arg     []string `json:"arg,omitempty"`
		Env     []string `json:"env,omitempty"`
		Input   []byte   `json:"input-data,omitempty"`
		Capture bool     `json:"capture-output"`
	}
	pid struct {
		PID int `json:"pid"`
	}
	execStatus struct {
		Exited       bool   `json:"exited"`
		ExitCode     int    `json:"exitcode"`
		Signal       int    `json:"signal"`
		Out          []byte `json:"out-data"`
		Err          []byte `json:"err-data"`
		OutTruncated bool   `json:"out-truncated"`
		ErrTruncated bool   `json:"err-truncated"`
	}
)

// Exec runs a program in a VM's guest, as the agent's own user, and returns when it has ended, with what it wrote: the
// agent hands that over at the end, and not before. Who stops waiting leaves the program running.
func (a *Agents) Exec(ctx context.Context, ref model.Ref, what vm.ExecRequest) (vm.ExecResult, error) {
	if err := checkExec(what); err != nil {
		return vm.ExecResult{}, err
	}
	if what.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(what.Timeout)*time.Second)
		defer cancel()
	}
	var out vm.ExecResult
	err := a.of(ctx, ref, func(s *session) (err error) {
		out, err = s.exec(ctx, what)
		return err
	})
	return out, err
}

func checkExec(what vm.ExecRequest) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, format, args...).WithCode("HV-GUEST-008")
	}
	switch {
	case len(what.Command) == 0 || what.Command[0] == "":
		return bad("no command is named")
	case len(what.Command)+len(what.Env) > vm.MaxExecWords:
		return bad("more than %d words", vm.MaxExecWords)
	case len(what.Input) > vm.MaxExecInput:
		return bad("more than %d KiB of input", vm.MaxExecInput>>10)
	case what.Timeout < 0 || what.Timeout > vm.MaxExecTimeout:
		return bad("a timeout of %d s is not between 0 and %d", what.Timeout, vm.MaxExecTimeout)
	}
	return nil
}

func (s *session) exec(ctx context.Context, what vm.ExecRequest) (vm.ExecResult, error) {
	var p pid
	err := s.ask(ctx, "guest-exec", execArgs{Path: what.Command[0], Arg: what.Command[1:], Env: what.Env, Input: what.Input, Capture: true}, &p)
	if err != nil {
		return vm.ExecResult{}, err
	}
	for wait := firstAsk; ; wait = min(2*wait, lastAsk) {
		out, ended, err := s.status(ctx, p.PID)
		switch {
		case err != nil && ctx.Err() != nil:
			return vm.ExecResult{}, unfinished(p.PID)
		case err != nil || ended:
			return out, err
		case s.pause(ctx, wait):
		case ctx.Err() != nil:
			return vm.ExecResult{}, unfinished(p.PID)
		default:
			return vm.ExecResult{}, silent()
		}
	}
}

func unfinished(pid int) *fault.Error {
	return fault.New(fault.Unavailable, "the program has not ended yet, and goes on as process %d of the guest", pid).
		Try("the agent cannot end it: kill %d in the guest", pid).WithCode("HV-GUEST-007")
}
