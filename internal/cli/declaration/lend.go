package declaration

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
)

// Read reads the declaration in a file, with the place of each value.
func Read(ctx context.Context, path string) (config.Declaration, error) { return read(ctx, path) }

// HostFlag gives cmd the flag --host.
func HostFlag(cmd *cobra.Command, on *string, usage string) {
	cmd.Flags().StringVar(on, "host", "", usage)
	CompleteHost(cmd)
}

// Print prints what the features of a declaration come to: each with why it is there and what holds it, what was
// left out, and the risk of the whole.
func Print(s *session.Session, r feature.Resolution) error { return resolution(s, r) }

// PrintRisk prints how much the whole exposes, what contributes, and what keeps it in bounds.
func PrintRisk(s *session.Session, t feature.TotalRisk) { risk(s, t) }
