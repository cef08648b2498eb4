package machine

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestMemoryIsShownToOthersOnlyWhereAShareNeedsIt(t *testing.T) {
	in := input(vm.Spec{Memory: 64 * model.MiB, MemoryMax: 128 * model.MiB, Vsock: &vm.Vsock{CID: 7}})
	m, err := Build(in)
	if err != nil || strings.Contains(text(m), "memfd") {
		t.Errorf("%v: memory is shared without need:\n%s", err, text(m))
	}
	if !strings.Contains(text(m), `{"driver":"vhost-vsock-pci","id":"vsock","bus":"rp5","guest-cid":7,"vhostfd":"{fd:vhost-vsock}"}`) {
		t.Errorf("no vsock:\n%s", text(m))
	}
	in.Spec.Shares = map[string]vm.Share{"data": {Share: "x"}, "also": {Share: "y", ReadOnly: true}}
	m, err = Build(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"qom-type":"memory-backend-memfd","id":"ram","size":67108864,"share":true}`, "-machine memory-backend=ram",
		`{"qom-type":"memory-backend-memfd","id":"memory-more","size":67108864,"share":true}`,
		"socket,id=fs-also,fd={fd:fs-also}", `"driver":"vhost-user-fs-pci","id":"fs-data","bus":"rp`, `"chardev":"fs-data","tag":"data"}`,
	} {
		if !strings.Contains(text(m), want) {
			t.Errorf("no %s in\n%s", want, text(m))
		}
	}
	if m.Pinned.Slots["fs/also"] == 0 || m.Pinned.Slots["fs/data"] == 0 {
		t.Errorf("shares have no slots of their own: %v", m.Pinned.Slots)
	}
}
