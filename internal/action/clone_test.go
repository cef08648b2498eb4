package action

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAHundredClonesComeToExistInOneCall(t *testing.T) {
	d := newDesk(t)
	d.volume("base")
	src := d.readVolume(t, "base")
	res, err := d.CloneVolume(t.Context(), member, ref("base"), wire.CloneVolume{Name: "c", Count: 100, Linked: true})
	d.must(err)
	if !res.Operation.State.Ended() {
		t.Errorf("it is %s", res.Operation.State)
	}
	if !d.readVolume(t, "base").Frozen {
		t.Error("nothing says that others stand on its source")
	}
	seen := map[string]bool{}
	for i := range 100 {
		v := d.readVolume(t, fmt.Sprintf("c-%d", i+1))
		chain := v.Chain()
		if len(chain) != 2 || chain[0].ID != src.Head().ID || chain[1].ID != v.UID || v.Spec.Size != src.Spec.Size || seen[v.UID] {
			t.Fatalf("%+v", v)
		}
		seen[v.UID] = true
		if there, err := d.pool.Exists(t.Context(), v.Spec.Pool, v.File); !there || err != nil {
			t.Fatalf("%s: %t, %v", v.File, there, err)
		}
	}
	if left, err := d.pool.Unsettled(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d are unsettled, %v", len(left), err)
	}
}

func TestClonesComeAllOrNone(t *testing.T) {
	d := newDesk(t)
	d.volume("base")
	d.volume("c-2")
	before := strings.Join(d.files(), " ")
	_, err := d.CloneVolume(t.Context(), member, ref("base"), wire.CloneVolume{Name: "c", Count: 3, Linked: true})
	if fault.CodeOf(err) != "HV-VOL-002" {
		t.Errorf("%v", err)
	}
	if _, err := d.Store.Get(t.Context(), volumeKey(store.DefaultProject, "c-1")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("one of them exists: %v", err)
	}
	if after := strings.Join(d.files(), " "); after != before {
		t.Errorf("files are left: %s, before %s", after, before)
	}
}

func TestWhatIsWrittenToIsNotCloned(t *testing.T) {
	d := newDesk(t)
	d.volume("base")
	key := store.ClaimKey("disk", store.DefaultProject, "base")
	op, err := store.PutJSON(key, storage.Claim{Writer: "operation/7f3a"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{op}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.CloneVolume(t.Context(), member, ref("base"), wire.CloneVolume{Name: "c", Linked: true}); fault.CodeOf(err) != "HV-VOL-032" {
		t.Errorf("%v", err)
	}
}

func (d *desk) readVolume(t *testing.T, name string) storage.Volume {
	t.Helper()
	v, _, err := store.Get[storage.Volume](t.Context(), d.Store, volumeKey(store.DefaultProject, name))
	d.must(err)
	return v
}
