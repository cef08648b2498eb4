package pools

import (
	"os/exec"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestAVolumeGrowsAndWhatIsLargeEnoughIsLeft(t *testing.T) {
	p, _ := desk(t)
	for _, format := range []storage.Format{storage.Raw, storage.QCOW2} {
		if _, err := exec.LookPath("qemu-img"); format == storage.QCOW2 && err != nil {
			t.Skip("no qemu-img: scripts/deps.sh test")
		}
		v := volume(storage.DefaultPool, format, model.MiB)
		if err := p.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		for _, wish := range []model.Bytes{3 * model.MiB, 3 * model.MiB, 2 * model.MiB} {
			v.Spec.Size = wish
			if err := p.Grow(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			if n, err := p.Size(t.Context(), v); n != 3*model.MiB || err != nil {
				t.Errorf("%s that was to have %s has %s, %v", format, wish, n, err)
			}
		}
	}
}
