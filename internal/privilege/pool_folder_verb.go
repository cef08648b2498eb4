//go:build linux

package privilege

import (
	"context"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// PoolFolder makes a folder that is hvd's own, where there is none, in one of root's below one of PoolTrees.
func (c *Client) PoolFolder(ctx context.Context, path string) error {
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if !slices.Contains(PoolTrees, names[0]) || len(names) < 2 {
		return fault.New(fault.Denied, "%s cannot be made by the daemon, which has no rights there", path).WithCode("HV-POOL-007").
			Try("install -d -o hvd -m 700 %s", path)
	}
	_, err := c.call(ctx, VerbPoolFolder, PoolFolder{Tree: names[0], Names: names[1:]}, nil, nil, 0)
	return err
}
