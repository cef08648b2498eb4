package machine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

var chain = []storage.Layer{
	{ID: "0f3a9c1e-5b7d-4c2a-9e11-000000000001", Format: storage.Raw},
	{ID: "1f3a9c1e-5b7d-4c2a-9e11-000000000002", Format: storage.QCOW2},
	{ID: "2f3a9c1e-5b7d-4c2a-9e11-000000000003", Format: storage.QCOW2},
}

func TestOnlyTheHeadOfAChainIsWrittenToAndEachLayerIsToldWhatIsBelowIt(t *testing.T) {
	p := disk("root", vm.Disk{Volume: "web-root"}, Volume{Format: storage.QCOW2, Layers: chain}, 3, place{Bus: "rp3"}, nil)
	args := strings.Join(p.args, " ")
	for _, want := range []string{
		`-add-fd fd={fd:l03-0f3a9c1e5b7d4c2a9e110000},set=4864,opaque=l03-0f3a9c1e5b7d4c2a9e110000 `,
		`{"driver":"file","node-name":"l03-0f3a9c1e5b7d4c2a9e110000.f","filename":"/dev/fdset/4864","locking":"on","read-only":true,"discard":"ignore"}`,
		`{"driver":"raw","node-name":"l03-0f3a9c1e5b7d4c2a9e110000","file":"l03-0f3a9c1e5b7d4c2a9e110000.f","read-only":true,"discard":"ignore"}`,
		`{"driver":"qcow2","node-name":"l03-1f3a9c1e5b7d4c2a9e110000","file":"l03-1f3a9c1e5b7d4c2a9e110000.f","read-only":true,"discard":"ignore","backing":"l03-0f3a9c1e5b7d4c2a9e110000"}`,
		`{"driver":"qcow2","node-name":"l03-2f3a9c1e5b7d4c2a9e110000","file":"l03-2f3a9c1e5b7d4c2a9e110000.f","read-only":false,"discard":"unmap","backing":"l03-1f3a9c1e5b7d4c2a9e110000"}`,
		`"drive":"l03-2f3a9c1e5b7d4c2a9e110000"`,
	} {
		if !strings.Contains(args, want) {
			t.Errorf("no %s in\n%s", want, args)
		}
	}
	var access []Access
	for _, f := range p.files {
		access = append(access, f.Access)
		if f.Device != "root" || f.Object != "web-root" {
			t.Errorf("%+v", f)
		}
	}
	if d := cmp.Diff([]Access{ReadOnly, ReadOnly, ReadWrite}, access); d != "" {
		t.Error(d)
	}
}

func TestAChainIsPluggedInAsItIsStarted(t *testing.T) {
	v := Volume{Format: storage.QCOW2, Layers: chain}
	h, access := HotplugDisk("pc-q35-7.2", "root", vm.Disk{}, v, 3)
	if d := cmp.Diff([]Access{ReadOnly, ReadOnly, ReadWrite}, access); d != "" {
		t.Error(d)
	}
	args := strings.Join(disk("root", vm.Disk{}, v, 3, place{Bus: "rp3"}, nil).args, " ")
	for i, n := range h.Nodes {
		if !strings.Contains(args, string(n.Add)) || (n.FDSet != 0) != (i%2 == 0) || !strings.HasPrefix(n.Name, h.Layers) {
			t.Errorf("node %d: %+v", i, n)
		}
	}
	if len(h.Nodes) != 6 || !strings.Contains(string(h.Add), LayerNode(3, chain[2].ID)) {
		t.Errorf("%d nodes, device %s", len(h.Nodes), h.Add)
	}
}

func TestAReadOnlyDiskHasAReadOnlyHead(t *testing.T) {
	for _, f := range disk("root", vm.Disk{ReadOnly: true}, Volume{Layers: chain}, 3, place{}, nil).files {
		if f.Access != ReadOnly {
			t.Errorf("%+v", f)
		}
	}
}

func TestTheNameOfALayersNodeFits(t *testing.T) {
	if n := LayerNode(255, chain[0].ID) + layerFile; len(n) > 31 {
		t.Errorf("%s has %d bytes", n, len(n))
	}
}
