package reconcile

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// deletesSets reports whether an operation wishes sets away: it is done when they are gone, and their room is given back.
func deletesSets(op *operation.Operation) bool {
	return op.Action == "snapshot.delete" || op.Action == "snapshot.prune"
}

// setsNamed are the sets that an operation is about.
func setsNamed(op *operation.Operation) []string {
	return strings.Fields(op.Params["snapshot"])
}

// anyOf reports whether one of the sets named is still being taken or deleted.
func anyOf(unfinished map[string]vm.SnapshotPhase, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return unfinished[name] != "" })
}
