package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// The oldest QEMU that is used: 7.2 has the stream netdev, on which passt stands.
const oldestMajor, oldestMinor = 7, 2

// askTime bounds the whole conversation with one QEMU; 0.1 s is usual. On a host that is emulated, or busy with more
// than it has CPUs for, it takes more than 5 s, and "no usable QEMU" would keep VMs from being made.
const askTime = 20 * time.Second

// QEMU returns what the QEMU at path, which emulates arch, says of itself. It is started without a machine, as
// whoever we are, in the same sandbox as a VM's, and ended again. One that is absent, does not start or is too old
// comes back with Why; a path that is not there is not named in the result.
func QEMU(ctx context.Context, arch, path string) host.QEMU {
	return askWithin(ctx, askTime, arch, path)
}

func askWithin(ctx context.Context, limit time.Duration, arch, path string) host.QEMU {
	info, err := os.Stat(path)
	if err != nil {
		why := err.Error()
		if os.IsNotExist(err) {
			why = path + " is not installed"
		}
		return host.QEMU{Arch: arch, Why: why}
	}
	q := host.QEMU{Arch: arch, Path: path, Key: keyOf(path, info)}
	short, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	said, err := ask(short, path)
	switch {
	case err != nil && ctx.Err() == nil && short.Err() != nil:
		q.Why = fmt.Sprintf("%s gave no answer within %s", path, limit)
		return q
	case err != nil:
		q.Why = fmt.Sprintf("%s cannot be asked: %v", path, err)
		return q
	}
	q.Version, q.Package = said.version.String(), said.version.Package
	q.Machines = machines(said.machines)
	q.CPUs, q.CPUFlags = cpuModels(said.cpus), cpuFlags(said.max)
	q.BlockDrivers, q.AIO = blockDrivers(said.schema), aio(said.schema)
	if !said.version.AtLeast(oldestMajor, oldestMinor) {
		q.Why = fmt.Sprintf("QEMU %s is older than %d.%d", q.Version, oldestMajor, oldestMinor)
	}
	return q
}

// answers are what QEMU said.
type answers struct {
	version  qmp.Version
	machines []qmp.MachineType
	cpus     []qmp.CPUModel
	max      qmp.CPUExpansion
	schema   json.RawMessage
}

// ask starts the program and asks it. Its monitor is one end of a socket pair that it inherits: there is no path
// that somebody else could dial.
func ask(ctx context.Context, path string) (said answers, err error) {
	p, err := start(ctx, path)
	if err != nil {
		return said, err
	}
	defer func() { err = p.end(ctx, err) }()
	client := qmp.New(p.monitor, qmp.Options{Name: path, Greeting: askTime})
	defer func() { _ = client.Close() }()
	greeting, err := client.Negotiate(ctx)
	if err != nil {
		return said, err
	}
	said.version = greeting.Version
	if said.machines, err = qmp.QueryMachines(ctx, client); err != nil {
		return said, err
	}
	// Not every architecture's QEMU answers these: what it does not say counts as not asked.
	said.cpus, _ = qmp.QueryCPUModels(ctx, client)
	said.max, _ = qmp.ExpandCPUModel(ctx, client, "max")
	said.schema, _ = qmp.QuerySchema(ctx, client)
	return said, ctx.Err()
}

// machines is what a VM may be, in an order that does not change with every start of QEMU. "none" is what is
// running while we ask.
func machines(types []qmp.MachineType) []host.Machine {
	var out []host.Machine
	for _, m := range types {
		if m.Name != "none" {
			out = append(out, host.Machine{Name: m.Name, Alias: m.Alias, CPUs: m.MaxCPUs})
		}
	}
	slices.SortFunc(out, func(a, b host.Machine) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// lastLine is what a program that ended was about to say.
func lastLine(words string) string {
	lines := strings.Split(strings.TrimSpace(words), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
