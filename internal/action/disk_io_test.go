package action

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// poor are pools of which those that are named cannot pass the page cache by.
type poor struct {
	Volumes
	names map[string]bool
}

func (p poor) Can(name string) (storage.Capabilities, error) {
	c, err := p.Volumes.Can(name)
	c.Direct = !p.names[name]
	return c, err
}

// How a disk is read and written is held against the pool in which its volume is made with it, and against the one it is moved to.
func TestADisksCacheIsHeldAgainstThePoolThatItComesInto(t *testing.T) {
	d := newDesk(t)
	d.makePool("slow")
	d.Volumes = poor{d.Volumes, map[string]bool{"slow": true}}
	direct := func(pool string) func(*vm.Definition) {
		return func(def *vm.Definition) {
			def.Disks = map[string]vm.Disk{"root": {Size: model.MiB, Pool: pool, DiskIO: vm.DiskIO{Cache: vm.CacheNone}}}
		}
	}
	def := vm.Definition{Name: "slow"}
	direct("slow")(&def)
	_, err := d.CreateVM(t.Context(), member, "", def)
	told(t, err, fault.Invalid, "O_DIRECT", `pool "slow"`)
	if files := d.files(); len(files) != 0 {
		t.Errorf("left are %v", files)
	}

	d.create("web", direct(""))
	_, err = d.MoveVolume(t.Context(), member, model.Ref{Name: "web-root"}, wire.MoveVolume{Pool: "slow"})
	told(t, err, fault.Precondition, "O_DIRECT", `pool "slow"`, "cannot move")
	d.makePool("fast")
	_, err = d.MoveVolume(t.Context(), member, model.Ref{Name: "web-root"}, wire.MoveVolume{Pool: "fast"})
	d.must(err)
}
