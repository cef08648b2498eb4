package action

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// pooled declares pools.
func (d *desk) pooled(call Call, pools string) (Result, error) {
	return d.ApplyConfig(d.t.Context(), call, d.declare(`{"hypervisor":{"storage":{"pools":{`+pools+`}}}}`))
}

func TestDeclaredPoolsAreMadeChangedKeptAndLetGoOf(t *testing.T) {
	d := newDesk(t)
	base := d.place("")
	fast := `"fast":{"path":"` + filepath.Join(base, "fast") + `"`
	res, err := d.pooled(dry(root), fast+`}`)
	d.must(err)
	if p := res.Preview.Config.Pools; len(p) != 1 || p[0].Becomes != wire.Created || p[0].Where != filepath.Join(base, "fast") || d.has(poolKey("fast")) {
		t.Errorf("%+v", p)
	}
	_, err = d.pooled(root, fast+`}`)
	d.must(err)
	p, kv, err := d.Actions.pool(t.Context(), "fast")
	d.must(err)
	if p.Origin != model.Declared || p.UID == "" {
		t.Errorf("%+v", p)
	}
	_, err = d.EditPool(t.Context(), root, "fast", []byte(`{"warnPercent":10}`))
	told(t, err, fault.Denied, "stands in the host's declaration")

	res, err = d.pooled(root, fast+`}`) // the same again
	d.must(err)
	if _, again, _ := d.Actions.pool(t.Context(), "fast"); again.ModRevision != kv.ModRevision {
		t.Errorf("it was written again by %s", res.Operation.ID)
	}
	_, err = d.pooled(root, fast+`,"warnPercent":60},"default":{"stopPercent":99}`)
	d.must(err)
	if q, _, _ := d.Actions.pool(t.Context(), "fast"); q.Spec.WarnPercent != 60 || q.UID != p.UID || q.Generation != 2 {
		t.Errorf("%+v", q)
	}
	if q, _, _ := d.Actions.pool(t.Context(), storage.DefaultPool); q.Spec.StopPercent != 99 {
		t.Errorf("%+v", q)
	}
	_, err = d.pooled(root, `"fast":{"path":"`+filepath.Join(base, "elsewhere")+`"}`)
	told(t, err, fault.Invalid, "stays there")

	_, err = d.Pools.Make(t.Context(), "fast", p.Spec) // as reconcile does
	d.must(err)
	d.must(d.volumeIn("fast", "data", model.MiB))
	_, err = d.pooled(root, ``)
	told(t, err, fault.Invalid, "keeps volume data")
	_, err = d.DeleteVolume(t.Context(), member, ref("data"), true)
	d.must(err)
	_, err = d.Store.Commit(t.Context(), store.Txn{Then: []store.Op{store.DeleteOp(volumeKey("default", "data"))}}) // as reconcile does
	d.must(err)
	_, err = d.pooled(root, ``)
	d.must(err)
	if _, _, err := d.Actions.pool(t.Context(), "fast"); err == nil || !strings.Contains(err.Error(), "being deleted") {
		t.Errorf("it is still there: %v", err)
	}
}

func TestAPoolMadeByHandIsNotTheDeclarations(t *testing.T) {
	d := newDesk(t)
	path := d.makePool("fast")
	_, err := d.pooled(root, `"fast":{"path":"`+path+`"}`)
	told(t, err, fault.Invalid, "made by hand")
	_, err = d.pooled(root, `"other":{"path":"`+path+`"}`)
	told(t, err, fault.Invalid, "in one place")
	_, err = d.pooled(root, `"other":{"path":"relative"}`)
	told(t, err, fault.Invalid, "is not absolute")
}
