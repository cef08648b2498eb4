package qemu

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestQEMUsBlockersAreToldInOurWordsAndItsOwn(t *testing.T) {
	for words, want := range map[string]string{
		"0000:01:00.0: VFIO migration is not supported in kernel":              "a device of the host is passed through",
		"State blocked by non-migratable CPU device (invtsc flag)":             "invtsc",
		"Nested VMX virtualization does not support live migration yet":        "VMs of its own",
		"Migration is disabled when VirtFS export path '/x' is mounted":        "by 9p",
		"The vdi format used by node 'd' does not support live migration":      "one of its disks",
		"Migration disabled: vhost lacks VHOST_F_LOG_ALL feature.":             "the host's kernel",
		"Migration is disabled when using feature 'peer mode' in device 'ivs'": "peer mode",
	} {
		got := translate(words)
		if !strings.Contains(got, want) || !strings.Contains(got, words) {
			t.Errorf("%q becomes %q", words, got)
		}
	}
}

func TestHowFarAMoveIs(t *testing.T) {
	ram := &qmp.MigrationRAM{Total: 100, Remaining: 40}
	for _, c := range []struct {
		in   qmp.Migration
		want *vm.Moving
	}{
		{qmp.Migration{}, nil},
		{qmp.Migration{Status: "none"}, nil},
		{qmp.Migration{Blocked: []string{"x"}}, nil},
		{qmp.Migration{Status: "setup"}, &vm.Moving{State: vm.MoveUnderWay}},
		{qmp.Migration{Status: "active", RAM: ram}, &vm.Moving{State: vm.MoveUnderWay, Done: 60, Total: 100}},
		{qmp.Migration{Status: "device", RAM: ram}, &vm.Moving{State: vm.MoveUnderWay, Done: 60, Total: 100}},
		{qmp.Migration{Status: "cancelling"}, &vm.Moving{State: vm.MoveUnderWay}},
		{qmp.Migration{Status: "completed"}, &vm.Moving{State: vm.MoveDone}},
		{qmp.Migration{Status: "failed", Error: "e"}, &vm.Moving{State: vm.MoveFailed, Why: "e"}},
		{qmp.Migration{Status: "cancelled"}, &vm.Moving{State: vm.MoveCancelled}},
	} {
		got := moving(c.in)
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%+v is %+v, want %+v", c.in, got, c.want)
		}
	}
}
