package top

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func tableOf(p wire.UsagePage) output.Table {
	t := output.Table{Columns: []output.Column{
		{Title: "NAME", Cut: true}, {Title: "STATE", Wide: true}, {Title: "CPU", Right: true, Paint: busy}, {Title: "CPUS", Right: true},
		{Title: "RSS", Right: true}, {Title: "MEMORY", Right: true}, {Title: "READ/S", Right: true}, {Title: "WRITE/S", Right: true},
		{Title: "READS", Right: true}, {Title: "WRITES", Right: true}, {Title: "THREADS", Wide: true, Right: true},
	}}
	for _, u := range p.Items {
		t.Add(u.Name, u.State, percent(u.CPUPercent), fmt.Sprint(u.CPUs), size(float64(u.Resident)), size(float64(u.Memory)),
			bytes(u.DiskRead), bytes(u.DiskWrite), count(u.DiskReads), count(u.DiskWrites), fmt.Sprint(u.Threads))
	}
	return t
}

// sum is a line about all of them, beside what the host has.
func sum(t wire.UsageTotals) string {
	vms := "1 VM"
	if t.VMs != 1 {
		vms = fmt.Sprintf("%d VMs", t.VMs)
	}
	cpu, memory := fmt.Sprintf("%.0f %%", t.CPUPercent), size(float64(t.Resident))
	if t.HostCPUs > 0 {
		cpu += fmt.Sprintf(" of %d %%", 100*t.HostCPUs)
	}
	if t.HostMemory > 0 {
		memory += " of " + size(float64(t.HostMemory))
	}
	return fmt.Sprintf("%s: CPU %s, memory %s (%s given), %s/s read, %s/s written", vms, cpu, memory, size(float64(t.Memory)), size(t.DiskRead), size(t.DiskWrite))
}

func percent(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.1f%%", *v)
}

func count(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.0f", *v)
}

func bytes(v *float64) string {
	if v == nil {
		return ""
	}
	return size(*v)
}

// size is a number of bytes with three digits: what is measured has no more.
func size(v float64) string {
	for _, u := range []struct {
		size model.Bytes
		name string
	}{{model.TiB, "TiB"}, {model.GiB, "GiB"}, {model.MiB, "MiB"}, {model.KiB, "KiB"}} {
		if n := v / float64(u.size); n >= 100 {
			return fmt.Sprintf("%.0f%s", n, u.name)
		} else if n >= 1 {
			return fmt.Sprintf("%.1f%s", n, u.name)
		}
	}
	return fmt.Sprintf("%.0fB", v)
}

// busy paints a VM that uses all of a processor or more.
func busy(text string) screen.Paint {
	var n float64
	if _, err := fmt.Sscanf(text, "%f%%", &n); err == nil && n >= 100 {
		return screen.Yellow
	}
	return ""
}
