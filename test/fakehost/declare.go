package fakehost

import (
	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Declare applies a declaration in JSON.
func (d *Daemon) Declare(text string) {
	d.t.Helper()
	decl, err := config.ReadString(d.t.Context(), config.JSON, "hv.json", text)
	must(d.t, err)
	encoded, err := decl.Encode()
	must(d.t, err)
	_, err = d.Actions.ApplyConfig(d.t.Context(), action.Call{Actor: operation.Actor{Name: "root"}, Root: true}, encoded)
	must(d.t, err)
}
