package fit

import (
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// needs answers what features need of a host. Those that are not here are settings, of which no fact speaks.
var needs = map[catalogue.Need]func(host.Facts) Verdict{
	catalogue.QEMU:              qemu,
	catalogue.NFTables:          nftables,
	catalogue.Nginx:             func(f host.Facts) Verdict { return tool(f.Nginx, "nginx", "sudo apt-get install nginx") },
	catalogue.CPUVirtualization: virtualization,
	catalogue.IOMMU:             iommu,
	catalogue.VFIO:              vfio,
	catalogue.SRIOVCard:         sriovCard,
	catalogue.NetworkAccess:     network,
	catalogue.KeyStore:          keyStore,
	catalogue.ContainerRuntime: func(f host.Facts) Verdict {
		return tool(f.ContainerRuntime, "container runtime", "sudo apt-get install runc")
	},
}

// Needs returns the verdict on every need that facts speak of; one that was not asked has no entry.
func Needs(f host.Facts) map[catalogue.Need]Verdict {
	out := map[catalogue.Need]Verdict{}
	for n, ask := range needs {
		if v := ask(f); v.Answer != NotAsked {
			out[n] = v
		}
	}
	return out
}

// need is the verdict on one need.
func need(n catalogue.Need, f host.Facts) Verdict {
	if ask, ok := needs[n]; ok {
		v := ask(f)
		if v.Answer == No && v.Remedy == "" {
			v.Remedy = n.Remedy()
		}
		return v
	}
	return notAsked(n.Name()+": a setting, no fact of the host", n.Remedy())
}

// tool is the verdict on a program.
func tool(t *host.Tool, what, install string) Verdict {
	switch {
	case t == nil:
		return notAsked("it is not known whether this host has "+what, "")
	case !t.OK():
		return no(t.Why, install)
	}
	return yes("%s", strings.TrimSpace(what+" "+t.Version+" "+t.Path))
}

func qemu(f host.Facts) Verdict {
	switch q := f.QEMU; {
	case q == nil && f.OS != "" && f.OS != "linux":
		return notAsked("QEMU is asked on Linux only", "")
	case q == nil:
		return notAsked("QEMU is asked by the daemon", askDaemon)
	case !q.OK():
		return no(q.Why, "sudo "+host.InstallHint(f.Arch))
	default:
		return yes("QEMU %s", q.Version)
	}
}

func nftables(f host.Facts) Verdict {
	v := tool(f.NFT, "nftables", "sudo apt-get install nftables")
	if v.Answer == Yes && f.Module("nf_tables") == host.ModuleAbsent {
		return no("this kernel has no nf_tables", "boot a kernel with CONFIG_NF_TABLES, such as the distribution's own")
	}
	return v
}

func network(f host.Facts) Verdict {
	switch {
	case f.Platform == nil || f.Platform.DefaultRoute == nil:
		return notAsked("it is not known whether this host has a way to other networks", "")
	case !*f.Platform.DefaultRoute:
		return no("this host has no default route", "give the host a route to the backup target")
	}
	return yes("there is a default route")
}

// keyStore: the default is a sealed file, which needs nothing.
func keyStore(f host.Facts) Verdict {
	if f.OS != "linux" {
		return notAsked("keys are kept on Linux hosts", "")
	}
	why := "a sealed file, which needs nothing of the host"
	if f.Storage != nil && f.Storage.SystemdCreds.OK() {
		why += "; systemd-creds is there too"
		if f.Platform != nil && f.Platform.TPM != nil {
			why += ", and a TPM " + f.Platform.TPM.Version
		}
	}
	return yes("%s", strings.TrimSpace(why))
}

// feature is the verdict on one feature: its platform, its needs and those of what it requires, and a device to give
// away where it gives one away.
func feature(c *catalogue.Catalogue, ft catalogue.Feature, f host.Facts) Feature {
	out := Feature{ID: ft.ID, Name: ft.Name, NotInBuild: !c.InBuild(ft.ID)}
	support, _ := c.Support(ft.ID, Platform(f))
	parts := []Verdict{marked(support)}
	if Platform(f) == catalogue.NotAsked {
		parts = []Verdict{notAsked("it is not known what system this host runs", "")}
	}
	for _, id := range c.Closure(ft.ID) {
		required, _ := c.Get(id)
		for _, n := range required.Needs {
			v := Need{Need: n, Name: n.Name(), Verdict: need(n, f)}
			if id != ft.ID {
				v.Of = id
			}
			out.Needs = append(out.Needs, v)
			parts = append(parts, v.Verdict)
		}
	}
	if ft.ID == catalogue.NestedVirtualization {
		parts = append(parts, nested(f))
	}
	if _, gives := given[ft.ID]; gives && all(parts...).Answer != No {
		parts = append(parts, candidate(ft.ID, f))
	}
	out.Verdict = all(parts...)
	if out.Why == "" {
		out.Why = "it needs nothing that this host lacks"
	}
	return out
}
