package declaration

import (
	"context"
	"encoding/json"
	"os"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/host/probe"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// Facts returns what is known of a host: nothing where on is empty, of the host that hv runs on for "self", else what
// the file says that hv host or hv host check printed with -o json.
func Facts(ctx context.Context, on string) (host.Facts, error) {
	switch on {
	case "":
		return host.Facts{}, nil
	case "self":
		return probe.Self(ctx, os.DirFS("/")), nil
	}
	text, err := readBounded(on)
	if err != nil {
		return host.Facts{}, unreadable(on, err)
	}
	// What `hv host -o json` prints has the facts one level down.
	var outer struct {
		Facts json.RawMessage `json:"facts"`
	}
	var got host.Facts
	if err = json.Unmarshal(text, &outer); err == nil && outer.Facts != nil {
		text = outer.Facts
	}
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		return host.Facts{}, fault.New(fault.Unreadable, "cannot read the facts in %s", on).Because(err)
	}
	if got.Version != host.Version {
		return host.Facts{}, fault.New(fault.Unreadable, "cannot read the facts in %s: version %d, this hv reads %d", on, got.Version, host.Version).
			Try("hv host -o json > facts.json, on that host")
	}
	return got, nil
}

// CompleteHost completes the flag --host of a command.
func CompleteHost(cmd *cobra.Command) {
	if err := cmd.RegisterFlagCompletionFunc("host", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"self"}, cobra.ShellCompDirectiveDefault
	}); err != nil {
		panic("cli: " + err.Error()) // a command without that flag: every test that builds the commands sees it
	}
}
