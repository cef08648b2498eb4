package config

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"pgregory.net/rapid"
)

// Drawn declarations are well formed; whether a host can carry them is another matter.

var (
	label    = rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?`)
	anyText  = rapid.StringMatching(`[ -~äß€\n\t]{0,30}`)
	flags    = rapid.Ptr(rapid.Bool(), true)
	someSize = rapid.Custom(func(t *rapid.T) model.Bytes { return model.Bytes(rapid.IntRange(2, 1<<20).Draw(t, "MiB")) * model.MiB })
)

func drawFeatures(t *rapid.T, what string) []string {
	if out := rapid.SliceOfNDistinct(rapid.SampledFrom(features()), 0, 5, rapid.ID[string]).Draw(t, what); len(out) > 0 {
		return out
	}
	return nil
}

func drawMap[V any](t *rapid.T, what string, most int, key *rapid.Generator[string], value func(*rapid.T) V) map[string]V {
	if out := rapid.MapOfN(key, rapid.Custom(value), 0, most).Draw(t, what); len(out) > 0 {
		return out
	}
	return nil
}

func drawVM(t *rapid.T) vm.Definition {
	d := vm.Definition{
		Labels: drawMap(t, "labels", 3, rapid.StringMatching(`[a-z]([a-z./_-]{0,8}[a-z])?`), func(t *rapid.T) string { return label.Draw(t, "label") }),
		Spec: vm.Spec{
			Description: anyText.Draw(t, "description"),
			Power:       rapid.SampledFrom([]vm.Power{"", vm.On, vm.Off, vm.Paused}).Draw(t, "power"),
			CPUs:        rapid.IntRange(0, vm.MaxCPUs).Draw(t, "cpus"),
			Memory:      rapid.OneOf(rapid.Just(model.Bytes(0)), someSize).Draw(t, "memory"),
			Accelerator: rapid.SampledFrom([]vm.Accelerator{"", vm.Auto, vm.KVM, vm.TCG}).Draw(t, "accelerator"),
			Serial:      flags.Draw(t, "serial"), RNG: flags.Draw(t, "rng"), Autostart: rapid.Bool().Draw(t, "autostart"),
			OnPowerOff:  rapid.SampledFrom([]vm.Afterwards{"", vm.AfterStop, vm.AfterRestart}).Draw(t, "onPowerOff"),
			OnReboot:    rapid.SampledFrom([]vm.Afterwards{"", vm.AfterStop, vm.AfterRestart}).Draw(t, "onReboot"),
			OnCrash:     rapid.SampledFrom([]vm.Afterwards{"", vm.AfterStop, vm.AfterRestart, vm.AfterPreserve}).Draw(t, "onCrash"),
			StopTimeout: rapid.IntRange(0, vm.MaxStopSecond).Draw(t, "stopTimeout"),
		},
	}
	d.Disks = drawMap(t, "disks", 3, label, func(t *rapid.T) vm.Disk {
		return vm.Disk{Volume: label.Draw(t, "volume"), ReadOnly: rapid.Bool().Draw(t, "readOnly"), Serial: rapid.StringMatching(`[A-Za-z0-9_.-]{0,20}`).Draw(t, "serial")}
	})
	d.NICs = drawMap(t, "nics", 3, label, func(t *rapid.T) vm.NIC {
		return vm.NIC{Network: rapid.SampledFrom([]string{"", "user"}).Draw(t, "network"), MAC: rapid.StringMatching(`(52:54:00(:[0-9a-f]{2}){3})?`).Draw(t, "mac")}
	})
	if rapid.Bool().Draw(t, "has a place") {
		d.Startup = &vm.Startup{
			Order: rapid.IntRange(0, vm.MaxOrder).Draw(t, "order"), Delay: rapid.IntRange(0, vm.MaxDelay).Draw(t, "delay"),
			After: rapid.SliceOfNDistinct(label, 0, 3, rapid.ID).Draw(t, "after"),
		}
		if len(d.Startup.After) == 0 {
			d.Startup.After = nil
		}
	}
	if rapid.Bool().Draw(t, "has a schedule") {
		d.Snapshots = &vm.Snapshots{
			Every: rapid.SampledFrom([]vm.Every{vm.Daily, vm.Weekly, vm.Monthly}).Draw(t, "every"), At: rapid.StringMatching(`[01][0-9]:[0-5][0-9]`).Draw(t, "at"),
			WhileOff: rapid.Bool().Draw(t, "whileOff"),
		}
		if keep := (vm.Keep{Last: rapid.IntRange(0, 9).Draw(t, "last"), Weekly: rapid.IntRange(0, 9).Draw(t, "weekly")}); keep.Sum() > 0 {
			d.Snapshots.Keep = &keep
		}
	}
	if rapid.Bool().Draw(t, "boots directly") {
		d.Boot = &vm.Boot{Kernel: label.Draw(t, "kernel"), Initrd: rapid.OneOf(rapid.Just(""), label).Draw(t, "initrd"), Cmdline: rapid.StringMatching(`[ -~]{0,30}`).Draw(t, "cmdline")}
	}
	return d
}

func drawDeclaration(t *rapid.T) Declaration {
	d := Declaration{
		Host:      HostSection{Name: rapid.OneOf(rapid.Just(""), label).Draw(t, "host"), Description: anyText.Draw(t, "description")},
		Hardening: HardeningSection{UnlockDelay: rapid.SampledFrom([]string{"", "90s", "10m", "7d"}).Draw(t, "unlockDelay")},
		Storage: StorageSection{Pools: drawMap(t, "pools", 2, label, func(t *rapid.T) storage.PoolSpec {
			return storage.PoolSpec{Path: "/srv/" + label.Draw(t, "folder"), WarnPercent: rapid.IntRange(0, 90).Draw(t, "warn"), Retention: rapid.SampledFrom([]string{"", "0", "3d"}).Draw(t, "retention")}
		}), Keys: drawMap(t, "keys", 2, label, func(t *rapid.T) storage.KeySpec {
			return rapid.SampledFrom([]storage.KeySpec{{}, {Kind: storage.CredsKey, With: storage.WithTPM}, {Kind: storage.CommandKey, Command: []string{"/bin/print", "house"}}}).Draw(t, "key")
		}), Images: ImagesSection{Sources: drawMap(t, "sources", 2, label, func(t *rapid.T) storage.IndexSpec {
			return storage.IndexSpec{Kind: rapid.SampledFrom(append(storage.IndexKinds(), "")).Draw(t, "kind"), URL: "https://images.example.org/" + label.Draw(t, "at"), Local: rapid.Bool().Draw(t, "local")}
		})}},
		FeatureManager: feature.Declaration{
			Profile:          rapid.SampledFrom(append(profiles(), "")).Draw(t, "profile"),
			ExtraFeatures:    drawFeatures(t, "extraFeatures"),
			DisabledFeatures: drawFeatures(t, "disabledFeatures"),
			AcknowledgedRisks: drawMap(t, "acknowledgedRisks", 3, rapid.SampledFrom(features()), func(t *rapid.T) string {
				return anyText.Draw(t, "reason")
			}),
			ConflictScope: drawMap(t, "conflictScope", 2, rapid.SampledFrom(features()), func(t *rapid.T) map[string]string {
				return map[string]string{rapid.SampledFrom(features()).Draw(t, "other"): rapid.SampledFrom([]string{"host", "vm", "operation"}).Draw(t, "scope")}
			}),
		},
		VMs: drawMap(t, "vms", 4, label, drawVM),
	}
	if rapid.Bool().Draw(t, "lists features") {
		list := rapid.SliceOfN(rapid.SampledFrom(features()), 0, 4).Draw(t, "enabledFeatures")
		if list == nil {
			list = []string{}
		}
		d.FeatureManager.EnabledFeatures = &list
	}
	for name, v := range d.VMs {
		v.Name = name
		d.VMs[name] = v
	}
	return d
}

// sourced gives every path of d a place, as a reader would.
func sourced(t *rapid.T, d Declaration) Declaration {
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var value string
	if value, err = wireValue(data); err != nil {
		t.Fatal(err)
	}
	root, found := tree.ReadJSON("host.json", value)
	if len(found) > 0 {
		t.Fatal(fmt.Sprint(found))
	}
	again, found := understand(root)
	if len(found) > 0 {
		t.Fatal(fmt.Sprint(found))
	}
	return again
}
