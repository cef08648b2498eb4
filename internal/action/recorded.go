package action

import (
	"context"
	"math"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Recorded returns how those of list ended whose outcome stands in the audit log, by ID: a daemon that is
// cut off between the two has recorded the end of an operation and not written it into its status.
func (a *Actions) Recorded(ctx context.Context, list []operation.Operation) (map[string]operation.Status, error) {
	asked, after := map[int64]string{}, int64(math.MaxInt64)
	for _, op := range list {
		asked[op.AuditSeq] = op.ID
		after = min(after, op.AuditSeq)
	}
	ended := map[string]operation.Status{}
	for {
		page, err := a.Audit.Read(ctx, after, 0, audit.Filter{Phase: audit.Outcome})
		if err != nil {
			return nil, fault.Wrap(err, "cannot find out how the operations before this start ended")
		}
		for _, r := range page.Records {
			id, ok := asked[r.Intent]
			if !ok || r.Operation != id {
				continue
			}
			at := r.Time
			st := operation.Status{State: operation.State(r.Result), Ended: &at}
			if r.Error != "" {
				st.Error = &operation.Problem{Kind: fault.Internal.Error(), What: r.Error}
			}
			ended[id] = st
		}
		if after = page.Next; !page.More {
			return ended, nil
		}
	}
}
