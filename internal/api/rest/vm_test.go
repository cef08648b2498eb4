//go:build linux

package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAVMIsCreatedShownEditedStartedAndDeleted(t *testing.T) {
	h := newHouse(t, member)
	ctx := t.Context()
	op := h.create("web")
	if op.Action != "vm.create" || op.Actor.UID != member || op.Actor.Via != "socket" || op.State != operation.Pending {
		t.Errorf("operation %+v", op)
	}
	got, err := h.VM(ctx, ref("web")) // what was answered is shown
	h.must(err)
	if got.Spec.Memory != 256*model.MiB || got.Metadata.Revision == 0 || got.Effective.CPUs != 1 {
		t.Errorf("vm %+v", got)
	}
	res, err := h.EditVM(ctx, ref("web"), json.RawMessage(`{"memory":"512MiB","labels":{"tier":"front"}}`), client.Change{IfMatch: got.Metadata.Revision})
	h.must(err)
	if res.Operation.Action != "vm.edit" {
		t.Errorf("operation %+v", res.Operation)
	}
	_, err = h.EditVM(ctx, ref("web"), json.RawMessage(`{"cpus":2}`), client.Change{IfMatch: got.Metadata.Revision})
	refusal(t, err, fault.Precondition, "has changed since", wire.CodeChanged)
	for _, verb := range []vm.Verb{vm.VerbStart, vm.VerbStop, vm.VerbKill} {
		res, err := h.PowerVM(ctx, ref("web"), verb, wire.VerbOptions{Timeout: 5}, client.Change{})
		h.must(err)
		if res.Operation.Action != "vm."+string(verb) {
			t.Errorf("%s made %s", verb, res.Operation.Action)
		}
	}
	got, err = h.VM(ctx, ref("web"))
	h.must(err)
	if got.Spec.Memory != 512*model.MiB || got.Metadata.Labels["tier"] != "front" || got.Spec.Power != vm.Off {
		t.Errorf("vm %+v", got)
	}
	_, err = h.DeleteVM(ctx, ref("web"), wire.VerbOptions{}, client.Change{})
	h.must(err)
}

func TestARepeatedRequestIsDoneOnce(t *testing.T) {
	h := newHouse(t, member)
	ch := client.Change{IdempotencyKey: "once-only"}
	first, err := h.CreateVM(t.Context(), "", small("web"), ch)
	h.must(err)
	h.became(*first.Operation, operation.Status{State: operation.Done})
	again, err := h.CreateVM(t.Context(), "", small("web"), ch)
	h.must(err)
	if first.Operation.ID != again.Operation.ID || again.Operation.State != operation.Done {
		t.Errorf("first %+v, then %+v", first.Operation, again.Operation)
	}
}

func TestADryRunSaysWhatWouldBeDoneAndDoesNothing(t *testing.T) {
	h := newHouse(t, member)
	res, err := h.CreateVM(t.Context(), "", small("web"), client.Change{DryRun: true})
	h.must(err)
	if res.Operation != nil || res.Preview == nil || res.Preview.Refused || len(res.Preview.Plan) != 1 || res.Preview.Plan[0].Name != "create vm web" {
		t.Errorf("preview %+v", res.Preview)
	}
	_, err = h.VM(t.Context(), ref("web"))
	refusal(t, err, fault.NotFound, "there is no vm", "hv vm list")

	res, err = h.CreateVM(t.Context(), "", large("web"), client.Change{DryRun: true})
	h.must(err)
	if !res.Preview.Refused || !res.Preview.Findings.Refuses() {
		t.Errorf("preview %+v", res.Preview)
	}
	got := h.ask("POST", "/v1/projects/default/vms?dryRun=true", `{"name":"web","memory":"256MiB"}`)
	if got.status != 200 || got.header.Get("Location") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
}

// large asks for more than the host has, twice over, and for a volume that does not exist.
func large(name string) vm.Definition {
	d := small(name)
	d.Memory, d.CPUs = 64*model.GiB, 900
	d.Disks = map[string]vm.Disk{"root": {Volume: "lost"}}
	return d
}

func TestARefusalTellsEverythingThatSpeaksAgainst(t *testing.T) {
	h := newHouse(t, member)
	_, err := h.CreateVM(t.Context(), "", large("web"), client.Change{})
	refusal(t, err, fault.Invalid, `cannot create vm "web"`)
	r, ok := errors.AsType[finding.Refusal](err)
	if !ok || len(r.Findings.Of(finding.Refused)) < 3 {
		t.Fatalf("findings %+v", r)
	}
	if f, ok := errors.AsType[*client.Failure](err); !ok || f.Problem.RequestID == "" || f.Problem.Status != 422 {
		t.Errorf("failure %+v", f)
	}
	var whole *fault.Error
	if !errors.As(err, &whole) || whole.What != `cannot create vm "web"` {
		t.Errorf("what: %q", whole.What)
	}
	// where an action joins plain errors, each is told as a finding
	_, err = h.CreateVolume(t.Context(), "", wire.CreateVolume{Name: "UP", Labels: map[string]string{"!": "x"}, VolumeSpec: storage.VolumeSpec{Size: 5}}, client.Change{})
	refusal(t, err, fault.Invalid, `cannot make volume "UP"`)
	if r, _ := errors.AsType[finding.Refusal](err); len(r.Findings) != 3 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%d findings in %q", len(r.Findings), err)
	}
}

func TestAnAnswerSaysWhereItsOperationIs(t *testing.T) {
	h := newHouse(t, member)
	got := h.ask("POST", "/v1/projects/default/vms", `{"name":"web"}`, "X-Request-Id: mine-1")
	var op operation.Operation
	h.must(json.Unmarshal([]byte(got.body), &op))
	if got.status != 202 || got.header.Get("Location") != "/v1/operations/"+op.ID || got.header.Get("X-Request-Id") != "mine-1" {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
	show := h.ask("GET", "/v1/projects/default/vms/web", "")
	tag := show.header.Get("ETag")
	if show.status != 200 || len(tag) < 3 || tag[0] != '"' {
		t.Errorf("%d ETag %q", show.status, tag)
	}
	start := h.ask("POST", "/v1/projects/default/vms/web/actions/start", "", "If-Match: "+tag)
	if start.status != 202 {
		t.Errorf("%d %s", start.status, start.body)
	}
	start = h.ask("POST", "/v1/projects/default/vms/web/actions/kill", "", "If-Match: "+tag)
	if start.status != 412 || start.problem(t).Code != wire.CodeChanged {
		t.Errorf("%d %s", start.status, start.body)
	}
	start = h.ask("POST", "/v1/projects/default/vms/web/actions/kill", "", "If-Match: W/abc")
	if start.status != 422 || !strings.Contains(start.problem(t).Detail, "ETag") {
		t.Errorf("%d %s", start.status, start.body)
	}
}

func TestAListIsPagedSelectedAndFiltered(t *testing.T) {
	h := newHouse(t, member)
	for i := range 7 {
		d := small(fmt.Sprintf("vm-%d", i))
		d.Labels = map[string]string{"odd": fmt.Sprint(i%2 == 1)}
		_, err := h.CreateVM(t.Context(), "", d, client.Change{})
		h.must(err)
	}
	var names []string
	for v, err := range h.VMs(t.Context(), "", client.ListOptions{Limit: 2}) {
		h.must(err)
		names = append(names, v.Name)
	}
	if strings.Join(names, " ") != "vm-0 vm-1 vm-2 vm-3 vm-4 vm-5 vm-6" {
		t.Errorf("all pages: %v", names)
	}
	p, err := h.VMPage(t.Context(), "default", client.ListOptions{Selector: "odd=true", Filter: "vm-", Limit: 2})
	h.must(err)
	if len(p.Items) != 2 || p.Total != 3 || p.Next == "" || p.Revision == 0 || p.Items[1].Name != "vm-3" {
		t.Errorf("page %+v", p)
	}
	p, err = h.VMPage(t.Context(), "elsewhere", client.ListOptions{})
	h.must(err)
	if len(p.Items) != 0 {
		t.Errorf("another project has %d", len(p.Items))
	}
	for v, err := range h.VMs(t.Context(), "", client.ListOptions{Selector: "=x"}) {
		refusal(t, err, fault.Invalid, "without a key")
		_ = v
	}
}

func TestOfTwoCreatesOfOneNameOneIsRefused(t *testing.T) {
	h := newHouse(t, member)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { _, errs[i] = h.CreateVM(t.Context(), "", small("web"), client.Change{}) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		refusal(t, err, fault.Conflict, "exists already", "HV-VM-022")
	}
	if made != 1 {
		t.Errorf("%d were made: %v", made, errs)
	}
}
