package declaration

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

func eval(s *session.Session) *cobra.Command {
	var strict bool
	var format, expression string
	cmd := &cobra.Command{
		Use:   "eval {FILE | -E EXPR}",
		Short: "Evaluate a Nix file or expression and print its value",
		Long: `Evaluates a Nix file or expression and prints its value, as nix-instantiate --eval does.

It needs no daemon, no Nix and no network. Only files beside FILE and below its folder are read. A file in the
style of a NixOS module, { config, lib, ... }: { … }, and what it imports come together as a declaration. Parts that nobody asked for yet print as <CODE>;
--strict evaluates all of them, and so does --format json.`,
		Example: "  hv config eval -E '1 + 2'\n  hv config eval --strict examples/declared-vms.nix",
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (expression != "") {
				return report.Usage("hv config eval FILE, or hv config eval -E EXPR", "name one file, or one expression with -E")
			}
			return nil
		},
		ValidArgsFunction: session.Files("nix"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("format") && s.Output == output.JSON {
				format = "json"
			}
			if format != "nix" && format != "json" {
				return report.Usage("--format nix, or --format json", "--format %q: there is no such value", format)
			}
			v, err := value(cmd.Context(), s, args, expression)
			if err != nil {
				return err
			}
			return printValue(cmd.Context(), s, v, format, strict)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "evaluate every part of the value")
	cmd.Flags().StringVar(&format, "format", "nix", "nix or json")
	cmd.Flags().StringVarP(&expression, "expr", "E", "", "evaluate this expression")
	session.Values(cmd, "format", "nix", "json")
	return cmd
}

func value(ctx context.Context, s *session.Session, args []string, expression string) (*nixlang.Value, error) {
	trace := func(text string) { fmt.Fprintln(s.Err, "trace: "+screen.Safe(text)) }
	if expression != "" {
		return nixlang.EvalString(ctx, "(expression)", expression, nixlang.Options{Trace: trace, Base: absolute(".")})
	}
	f, err := openFolder(args[0])
	if err != nil {
		return nil, err
	}
	// The folder stays open: parts of the value are evaluated when they are printed.
	opt := nixlang.Options{Files: f.root.FS(), Trace: trace, Base: absolute(f.dir)}
	if f.dir != "." {
		opt.Folder = f.dir
	}
	v, err := nixlang.EvalFile(ctx, f.file, opt)
	if err != nil || v.Kind() != nixlang.Function && !v.Has("imports") {
		return v, err
	}
	return nixlang.Module(ctx, v, config.Options())
}

// absolute is what paths in a file of dir begin with, as Nix has it.
func absolute(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "" // the folder is gone: paths begin at it
	}
	return filepath.ToSlash(abs)
}

func printValue(ctx context.Context, s *session.Session, v *nixlang.Value, format string, strict bool) error {
	var text string
	var err error
	if format == "json" {
		var data []byte
		data, err = v.JSON(ctx)
		text = string(data)
	} else {
		text, err = v.Nix(ctx, strict)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, text)
	return nil
}
