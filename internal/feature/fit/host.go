package fit

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// HostTable is no table of the specification's: what else decides how well VMs do on this host.
const HostTable catalogue.TableName = "Host"

// hostRows are what decides how well VMs do, beside the specification's tables.
func hostRows(f host.Facts) []Row {
	if f.OS != "linux" {
		return nil
	}
	var out []Row
	add := func(name string, v Verdict) { out = append(out, Row{Table: HostTable, Row: name, Verdict: v}) }
	add("who may use KVM", kvmUsers(f))
	add("limits of VMs", cgroup(f))
	add("landlock", judged(f.Landlock, "boot a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in its parameter lsm="))
	add("user networking", tool(f.Passt, "passt", "sudo apt-get install passt"))
	add("fast host networking", module(f, "vhost_net", "VMs' packets are copied by the kernel (vhost_net)"))
	add("memory, near and far", numa(f))
	add("huge pages", hugePages(f))
	add("swap", swap(f))
	add("TPM", tpm(f))
	add("Secure Boot", secureBoot(f))
	return out
}

func kvmUsers(f host.Facts) Verdict {
	d := f.KVMDevice
	switch {
	case d == nil:
		return notAsked("it is not known who may open /dev/kvm", "")
	case !d.Present:
		return no("there is no /dev/kvm", kvm(f).Remedy)
	case d.Usable == "root":
		return limited(fmt.Sprintf("/dev/kvm has mode %s: root alone. VMs of this host are not kept by that: hv-helper gives each a node of its own", d.Mode),
			`for other programs: echo 'KERNEL=="kvm", GROUP="kvm", MODE="0660"' | sudo tee /etc/udev/rules.d/60-kvm.rules; sudo udevadm trigger`)
	}
	return yes("/dev/kvm has mode %s: %s", d.Mode, d.Usable)
}

func cgroup(f host.Facts) Verdict {
	switch c := f.Cgroup; {
	case c == nil:
		return notAsked("it is not known which control groups this host has", "")
	case !c.Enforced:
		return limited("limits of memory, CPU and processes do not hold: "+c.Why, cgroupRemedy(f))
	default:
		return yes("cgroup %s with %s", c.Mode, strings.Join(c.Controllers, " "))
	}
}

// cgroupRemedy tells a controller that was turned off from a host that still has version 1.
func cgroupRemedy(f host.Facts) string {
	if v, off := param(f, "cgroup_disable"); off && f.Cgroup.Mode == "v2" {
		return "remove cgroup_disable=" + v + " from the kernel's command line (where the firmware adds it, add cgroup_enable=" + v + ") and restart"
	}
	return "boot with systemd.unified_cgroup_hierarchy=1"
}

// judged is a verdict that a prober or hv-helper gave already.
func judged(v *host.Verdict, remedy string) Verdict {
	switch {
	case v == nil:
		return notAsked("it is asked by the daemon", askDaemon)
	case v.OK:
		return yes("%s", v.Why)
	}
	return limited(v.Why, remedy)
}

func module(f host.Facts, name, what string) Verdict {
	switch f.Module(name) {
	case host.ModuleLoaded, host.ModuleInstalled:
		return yes("%s", what)
	case host.ModuleAbsent:
		return limited("this kernel has no "+name, "boot a kernel with "+name+", such as the distribution's own")
	}
	return notAsked("it is not known whether this kernel has "+name, "")
}

func numa(f host.Facts) Verdict {
	if f.Layout == nil || len(f.Layout.NUMA) == 0 {
		return notAsked("the kernel does not say", "")
	}
	var nodes []string
	for _, n := range f.Layout.NUMA {
		nodes = append(nodes, fmt.Sprintf("node %d: CPUs %s, %s", n.ID, n.CPUs, n.Memory))
	}
	if len(nodes) == 1 {
		return yes("all memory is equally near")
	}
	return limited("memory is near to some CPUs and far from others: "+strings.Join(nodes, "; "),
		"keep a VM's memory and CPUs, and the device given to it, on one node")
}

func hugePages(f host.Facts) Verdict {
	if f.Layout == nil {
		return notAsked("it is not known how this host's memory is divided", "")
	}
	var have []string
	for _, p := range f.Layout.HugePages {
		if p.Total > 0 {
			have = append(have, fmt.Sprintf("%d pages of %s, %d free", p.Total, p.Size, p.Free))
		}
	}
	switch {
	case len(have) > 0:
		return yes("%s", strings.Join(have, "; "))
	case f.Layout.Transparent == "always" || f.Layout.Transparent == "madvise":
		return yes("none are set aside; the kernel makes them as they are needed (transparent: %s)", f.Layout.Transparent)
	}
	return limited("none are set aside, and the kernel makes none by itself", "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled")
}

// swap: memory of VMs comes to lie there, in clear unless the area is encrypted. Whether it is, a name does not tell.
func swap(f host.Facts) Verdict {
	if f.Layout == nil {
		return notAsked("it is not known how this host's memory is divided", "")
	}
	var have []string
	for _, s := range f.Layout.Swap {
		if !strings.HasPrefix(s.Path, "/dev/zram") {
			have = append(have, fmt.Sprintf("%s (%s, %s)", s.Path, s.Kind, s.Size))
		}
	}
	if len(have) == 0 {
		return yes("no memory of a VM is written to a disk")
	}
	return limited("memory of VMs may be written to "+strings.Join(have, ", "), "encrypt swap (crypttab: a random key for each boot), or use zram")
}

func tpm(f host.Facts) Verdict {
	switch {
	case f.Platform == nil:
		return notAsked("it is not known whether this host has a TPM", "")
	case f.Platform.TPM == nil:
		return limited("there is no TPM: keys are sealed in files only", "enable the TPM (Intel PTT, AMD fTPM) in the firmware")
	}
	return yes("%s", strings.TrimSpace("TPM "+f.Platform.TPM.Version))
}

func secureBoot(f host.Facts) Verdict {
	switch {
	case f.Platform == nil:
		return notAsked("it is not known how this host was started", "")
	case f.Platform.SecureBoot != nil:
		return judged(f.Platform.SecureBoot, "enable Secure Boot in the firmware")
	case f.Platform.Firmware == "uefi":
		return notAsked("the firmware does not say", "")
	}
	return limited("this host was not started by UEFI", "start it by UEFI with Secure Boot")
}
