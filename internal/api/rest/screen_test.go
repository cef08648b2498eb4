package rest

import (
	"context"
	"io"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// pictures are the lines of a house as its screens.
type pictures struct{ *lines }

func (p pictures) Connect(ctx context.Context, ref model.Ref) (io.ReadWriteCloser, error) {
	return p.lines.Connect(ctx, ref, 0)
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
