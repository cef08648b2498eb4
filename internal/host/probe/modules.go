package probe

import (
	"bufio"
	"compress/gzip"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// wanted are the kernel modules on which something here stands, with the option of the kernel's configuration that
// builds each; none for one that is built outside of it.
var wanted = []struct{ name, option string }{
	{"dm_thin_pool", "CONFIG_DM_THIN_PROVISIONING"},
	{"kvm", "CONFIG_KVM"},
	{"kvm_amd", "CONFIG_KVM_AMD"},
	{"kvm_intel", "CONFIG_KVM_INTEL"},
	{"nf_tables", "CONFIG_NF_TABLES"},
	{"tun", "CONFIG_TUN"},
	{"vfio_pci", "CONFIG_VFIO_PCI"},
	{"vhost_net", "CONFIG_VHOST_NET"},
	{"zfs", ""},
}

// moduleFolders is where the modules of a kernel stand: as most systems have it, and NixOS.
var moduleFolders = []string{"lib/modules", "usr/lib/modules", "run/booted-system/kernel-modules/lib/modules"}

// maxList bounds what is read of a list of modules or a kernel's configuration; Debian's have 0.7 and 0.3 MB.
const maxList = 8 << 20

// modules says of each wanted module whether it is loaded, could be, or does not exist for this kernel. What neither
// the kernel nor its files tell is left out.
// Source: sysfs-module of the kernel's ABI documentation, modules.dep(5), kmod's modules.builtin.
func modules(root fs.FS, f *host.Facts) {
	installed, listed := moduleLists(root, f.Kernel)
	options := kernelOptions(root, f.Kernel)
	f.Modules = []host.Module{}
	for _, w := range wanted {
		var state host.ModuleState
		switch {
		case there(root, "sys/module/"+w.name), options[w.option] == "y":
			state = host.ModuleLoaded
		case installed[w.name] != "":
			state = installed[w.name]
		case !listed && options[w.option] == "m": // hvd may not look into the folder of modules
			state = host.ModuleInstalled
		case listed, options != nil && w.option != "" && options[w.option] == "":
			state = host.ModuleAbsent
		default:
			continue
		}
		f.Modules = append(f.Modules, host.Module{Name: w.name, State: state})
	}
}

// moduleLists reads which of the wanted modules are built in or installed; listed is false where there are no lists.
func moduleLists(root fs.FS, release string) (found map[string]host.ModuleState, listed bool) {
	found = map[string]host.ModuleState{}
	if release == "" || strings.ContainsAny(release, "/\\") {
		return found, false
	}
	for _, folder := range moduleFolders {
		for file, state := range map[string]host.ModuleState{"modules.builtin": host.ModuleLoaded, "modules.dep": host.ModuleInstalled} {
			in, err := root.Open(path.Join(folder, release, file))
			if err != nil {
				continue
			}
			listed = listed || file == "modules.dep"
			for name := range listedModules(in) {
				if found[name] != host.ModuleLoaded {
					found[name] = state
				}
			}
			_ = in.Close()
		}
		if listed {
			break
		}
	}
	return found, listed
}

// listedModules yields which of the wanted modules a list of modules names: a path a line, such as
// kernel/drivers/vfio/pci/vfio-pci.ko.xz, in modules.dep with a colon and what it needs.
func listedModules(in io.Reader) map[string]bool {
	out := map[string]bool{}
	lines := bufio.NewScanner(io.LimitReader(in, maxList))
	for lines.Scan() {
		file, _, _ := strings.Cut(lines.Text(), ":")
		name, _, ok := strings.Cut(path.Base(file), ".ko")
		name = strings.ReplaceAll(name, "-", "_")
		if ok && slices.ContainsFunc(wanted, func(w struct{ name, option string }) bool { return w.name == name }) {
			out[name] = true
		}
	}
	return out
}

// kernelOptions reads how the kernel was built, y or m an option, from the configuration that the kernel or its
// package tells; nil where neither does.
func kernelOptions(root fs.FS, release string) map[string]string {
	if in, err := root.Open("proc/config.gz"); err == nil {
		defer func() { _ = in.Close() }()
		if plain, err := gzip.NewReader(in); err == nil {
			return setOptions(plain)
		}
	}
	if release == "" || strings.ContainsAny(release, "/\\") {
		return nil
	}
	in, err := root.Open("boot/config-" + release)
	if err != nil {
		return nil
	}
	defer func() { _ = in.Close() }()
	return setOptions(in)
}

// setOptions returns the options that are set: CONFIG_TUN=m.
func setOptions(in io.Reader) map[string]string {
	out := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(in, maxList))
	for lines.Scan() {
		if name, value, isSet := strings.Cut(lines.Text(), "="); isSet && (value == "y" || value == "m") {
			out[name] = value
		}
	}
	return out
}
