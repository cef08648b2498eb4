package rest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// inside is every guest: programs end with 3.
type inside struct{}

func (inside) Facts(context.Context, model.Ref) (vm.GuestStatus, error) {
	return vm.GuestStatus{Answers: true, Hostname: "webby"}, nil
}

func (inside) Exec(_ context.Context, _ model.Ref, what vm.ExecRequest) (vm.ExecResult, error) {
	return vm.ExecResult{PID: 7, ExitCode: 3, Output: []byte(strings.Join(what.Command, " ")), Errors: what.Input}, nil
}

// Stream tells the words of the command one by one; "wait" waits until it is given up.
func (inside) Stream(ctx context.Context, _ model.Ref, what vm.ExecRequest, tell func(vm.ExecPart) error) (vm.ExecResult, error) {
	for _, word := range what.Command {
		switch word {
		case "refuse":
			return vm.ExecResult{}, fault.New(fault.Precondition, "the guest's agent says: no").WithCode("HV-GUEST-004")
		case "wait":
			<-ctx.Done()
			gaveUp <- context.Cause(ctx)
			return vm.ExecResult{}, ctx.Err()
		}
		if err := tell(vm.ExecPart{Output: []byte(word)}); err != nil {
			return vm.ExecResult{}, err
		}
	}
	return vm.ExecResult{PID: 7, ExitCode: 3}, nil
}

// gaveUp has why a program in a guest was not waited for.
var gaveUp = make(chan error, 1)

func (inside) SetPassword(_ context.Context, _ model.Ref, user, _ string, _ bool) error {
	if user == "nobody" {
		return fault.New(fault.Precondition, "the guest's agent says: no such user")
	}
	return nil
}
func (inside) SetTime(context.Context, model.Ref) error       { return nil }
func (inside) Trim(context.Context, model.Ref) (int64, error) { return 4096, nil }

func withAgent(h *house) {
	yes := true
	h.starts(vm.Spec{Agent: &yes})
}

func TestAProgramInAGuestIsRecordedWithoutWhatItIsGiven(t *testing.T) {
	h := newHouse(t, member)
	h.create("web")
	_, err := h.Exec(t.Context(), ref("web"), vm.ExecRequest{Command: []string{"hostname"}})
	refusal(t, err, fault.Precondition, "no guest now: it is off", "hv vm start web")
	h.starts(vm.Spec{})
	_, err = h.Exec(t.Context(), ref("web"), vm.ExecRequest{Command: []string{"hostname"}})
	refusal(t, err, fault.Precondition, "started without a port for a guest agent", "HV-GUEST-002")

	withAgent(h)
	got, err := h.Exec(t.Context(), ref("web"), vm.ExecRequest{Command: []string{"mysql", "-phunter2"}, Input: []byte("in")})
	if err != nil || got.ExitCode != 3 || string(got.Output) != "mysql -phunter2" || string(got.Errors) != "in" {
		t.Errorf("%+v, %v", got, err)
	}
	h.must(h.SetGuestPassword(t.Context(), ref("web"), wire.GuestPassword{User: "debian", Password: "s3cret-word"}))
	refusal(t, h.SetGuestPassword(t.Context(), ref("web"), wire.GuestPassword{User: "nobody", Password: "s3cret-word"}), fault.Precondition, "no such user")
	page, err := h.audit.Read(t.Context(), 0, 100, audit.Filter{})
	h.must(err)
	records, err := json.Marshal(page)
	h.must(err)
	all := string(records)
	for _, part := range []string{`"program":"mysql"`, `"user":"debian"`} {
		if !strings.Contains(all, part) {
			t.Errorf("the audit log does not say %s: %s", part, all)
		}
	}
	for what, where := range map[string]string{"the audit log": all, "the daemon's log": h.words.String()} {
		for _, secret := range []string{"hunter2", "s3cret"} {
			if strings.Contains(where, secret) {
				t.Errorf("%s holds %s", what, secret)
			}
		}
	}
}

func TestAGuestIsAskedWhatItIsAndGivesBackWhatItDoesNotUse(t *testing.T) {
	h := newHouse(t, member)
	_, err := h.Guest(t.Context(), ref("web"))
	refusal(t, err, fault.NotFound, "no vm")
	h.create("web")
	withAgent(h)
	g, err := h.Guest(t.Context(), ref("web"))
	if err != nil || g.Hostname != "webby" {
		t.Errorf("%+v, %v", g, err)
	}
	trimmed, err := h.TrimGuest(t.Context(), ref("web"))
	if err != nil || trimmed.Trimmed != 4096 {
		t.Errorf("%+v, %v", trimmed, err)
	}
	h.must(h.SetGuestTime(t.Context(), ref("web")))
}

func TestWhatAProgramInAGuestWritesComesWhileItRuns(t *testing.T) {
	h := newHouse(t, member)
	h.create("web")
	withAgent(h)
	var heard []string
	tell := func(p vm.ExecPart) error {
		heard = append(heard, string(p.Output))
		return nil
	}
	got, err := h.ExecStream(t.Context(), ref("web"), vm.ExecRequest{Command: []string{"one", "two"}}, tell)
	if err != nil || got.ExitCode != 3 || strings.Join(heard, ",") != "one,two" {
		t.Errorf("%+v, %v, %v", got, heard, err)
	}
	_, err = h.ExecStream(t.Context(), ref("web"), vm.ExecRequest{Command: []string{"refuse"}}, tell)
	refusal(t, err, fault.Precondition, "the guest's agent says: no", "HV-GUEST-004")
	heard = nil
	_, err = h.ExecStream(t.Context(), ref("web"), vm.ExecRequest{Command: []string{"one", "refuse"}}, tell)
	refusal(t, err, fault.Precondition, "the guest's agent says: no", "HV-GUEST-004")
	if strings.Join(heard, ",") != "one" {
		t.Errorf("before it was refused there came %v", heard)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = h.ExecStream(ctx, ref("web"), vm.ExecRequest{Command: []string{"one", "wait"}}, func(vm.ExecPart) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("who went away is told %v", err)
	}
	if why := <-gaveUp; !errors.Is(why, context.Canceled) {
		t.Errorf("the guest's program is told that %v", why)
	}
}
