//go:build linux

package rest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func declares(cpus int) []byte {
	return fmt.Appendf(nil, `{"version":1,"value":{"hypervisor":{"vms":{"web":{"memory":"256MiB","cpus":%d}}}}}`, cpus)
}

func TestADeclarationIsPlannedAppliedListedAndRolledBack(t *testing.T) {
	h := newHouse(t, 0)
	ctx := t.Context()
	look := client.Applying{Change: client.Change{DryRun: true}}
	res, err := h.ApplyConfig(ctx, declares(1), look)
	h.must(err)
	plan := res.Preview.Config
	if plan == nil || plan.Digest == "" || len(plan.VMs) != 1 || plan.VMs[0].Becomes != wire.Created {
		t.Fatalf("%+v", plan)
	}
	_, err = h.ApplyConfig(ctx, declares(1), client.Applying{Plan: plan.Digest, Message: "one & two"})
	h.must(err)
	_, err = h.ApplyConfig(ctx, declares(1), client.Applying{Plan: plan.Digest})
	refusal(t, err, fault.Precondition, "has changed since it was planned", "HV-CFG-006")
	_, err = h.ApplyConfig(ctx, declares(2), client.Applying{})
	h.must(err)

	all, err := h.Generations(ctx)
	h.must(err)
	if len(all.Items) != 2 || !all.Items[0].Stands || all.Items[1].Message != "one & two" || all.Items[1].VMs != 1 {
		t.Errorf("%+v", all)
	}
	first, err := h.Generation(ctx, 1)
	h.must(err)
	if first.Generation != 1 || len(first.Declaration) == 0 || first.Digest != plan.Declaration {
		t.Errorf("%+v", first)
	}
	_, err = h.Generation(ctx, 7)
	refusal(t, err, fault.NotFound, "there is no generation 7", "HV-CFG-007")

	res, err = h.RollBackConfig(ctx, 1, look)
	h.must(err)
	if c := res.Preview.Config; c.Restores != 1 || c.Generation != 3 || c.VMs[0].Changes[0].Path != "cpus" {
		t.Errorf("%+v", c)
	}
	_, err = h.RollBackConfig(ctx, 0, client.Applying{Plan: res.Preview.Config.Digest})
	h.must(err)
	if c, err := h.Config(ctx); err != nil || c.Generation != 3 || c.Restores != 1 || c.Digest != first.Digest {
		t.Errorf("%+v, %v", c, err)
	}
	if v, err := h.VM(ctx, ref("web")); err != nil || v.Effective.CPUs != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	st, err := h.ConfigStatus(ctx)
	h.must(err)
	if !st.InStep || st.VMs != 1 || st.Generation != 3 || st.Applying != nil {
		t.Errorf("%+v", st)
	}
}

func TestMembersSeeTheHistoryAndDoNotTurnItBack(t *testing.T) {
	h := newHouse(t, member)
	_, err := h.Generations(t.Context())
	h.must(err)
	_, err = h.ConfigStatus(t.Context())
	h.must(err)
	_, err = h.RollBackConfig(t.Context(), 1, client.Applying{})
	refusal(t, err, fault.Denied, "only root may")
}

func TestMembersSeeADeclarationWithoutTheSecretsOfItsVMs(t *testing.T) {
	h := newHouse(t, 0)
	_, err := h.ApplyConfig(t.Context(), []byte(`{"version":1,"value":{"hypervisor":{"vms":{"web":{"memory":"256MiB","cloudInit":{"userData":"#!/bin/sh\necho s3cret\n"}}}}}}`), client.Applying{})
	h.must(err)
	seen := func(secret bool) {
		t.Helper()
		stands, err := h.Config(t.Context())
		h.must(err)
		one, err := h.Generation(t.Context(), 1)
		h.must(err)
		for _, c := range []wire.Config{stands, one} {
			if strings.Contains(string(c.Declaration), "s3cret") != secret || !strings.Contains(string(c.Declaration), `"name":"web"`) {
				t.Errorf("%s", c.Declaration)
			}
		}
	}
	seen(true)
	h.stop()
	h.serve(member)
	seen(false)
}
