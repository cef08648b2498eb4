package rest

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// pictures are the lines of a house as its screens.
type pictures struct{ *lines }

func (p pictures) Connect(ctx context.Context, ref model.Ref) (io.ReadWriteCloser, error) {
	return p.lines.Connect(ctx, ref, vm.ConsoleOptions{})
}

func (p pictures) Picture(context.Context, model.Ref) (io.ReadCloser, int64, error) {
	r, w := io.Pipe()
	return &line{Reader: strings.NewReader("\x89PNG"), PipeReader: r, w: w, lines: p.lines}, 4, nil
}

func TestAPictureOfAScreenIsRecordedAndGivenBack(t *testing.T) {
	h := newHouse(t, member)
	h.create("web")
	_, err := h.Screenshot(t.Context(), ref("web"))
	refusal(t, err, fault.Precondition, "no screen now: it is off", "hv vm start web", "HV-VM-025")
	h.runs()
	_, err = h.Screenshot(t.Context(), ref("web"))
	refusal(t, err, fault.Precondition, "started without a screen", "graphics = {}", "HV-VM-045")

	h.starts(vm.Spec{Graphics: &vm.Graphics{Device: vm.DisplayVGA}})
	got := h.ask("GET", "/v1/projects/default/vms/web/screenshot", "")
	if got.status != 200 || got.header.Get("Content-Type") != "image/png" || got.header.Get("Content-Length") != "4" || got.body != "\x89PNG" {
		t.Errorf("%d %v %q", got.status, got.header, got.body)
	}
	<-h.lines.closed // it is given back
	page, err := h.view.AuditRecords(t.Context(), 0, 100)
	h.must(err)
	told := 0
	for _, r := range page.Items {
		if strings.Contains(string(r), `"vm.screenshot"`) {
			told++
		}
	}
	if told < 4 { // two refusals, the intent and its outcome
		t.Errorf("%d records of the audit log tell of it: %s", told, page.Items)
	}
}

func TestAScreenIsForAVMThatHasOneAndEachViewerHasAConnection(t *testing.T) {
	h := newHouse(t, member)
	h.create("web")
	h.runs()
	_, err := h.Screen(t.Context(), ref("web"))
	refusal(t, err, fault.Precondition, "started without a screen", "graphics = {}")
	if got := h.ask("GET", "/v1/projects/default/vms/web/vnc", ""); got.status != 426 || got.header.Get("Upgrade") != wire.VNCProtocol {
		t.Errorf("%d, upgrade to %q", got.status, got.header.Get("Upgrade"))
	}

	h.starts(vm.Spec{Graphics: &vm.Graphics{Device: vm.DisplayVGA}})
	one, err := h.Screen(t.Context(), ref("web"))
	h.must(err)
	two, err := h.Screen(t.Context(), ref("web"))
	h.must(err)
	h.must(one.Close())
	<-h.lines.closed
	buf := make([]byte, 5)
	_, err = two.Write([]byte("hello"))
	h.must(err)
	if _, err := io.ReadFull(two, buf); err != nil || string(buf) != "HELLO" {
		t.Errorf("who stays sees %q, %v", buf, err)
	}
	h.must(two.Close())
	<-h.lines.closed
}
