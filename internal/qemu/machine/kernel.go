package machine

import "github.com/hyper-nixos/hyper-nixos/model/vm"

// kernel loads a Linux kernel without firmware looking for one. -kernel and -initrd take no fdset, so the files
// come through /proc, which the jail has of its own.
func kernel(b vm.Boot) part {
	p := part{
		args:  []string{"-kernel", "/proc/self/fd/" + fd("kernel")},
		files: []File{{Name: "kernel", Kind: KernelFile, Object: b.Kernel, Access: ReadOnly}},
	}
	if b.Initrd != "" {
		p.args = append(p.args, "-initrd", "/proc/self/fd/"+fd("initrd"))
		p.files = append(p.files, File{Name: "initrd", Kind: InitrdFile, Object: b.Initrd, Access: ReadOnly})
	}
	if b.Cmdline != "" {
		p.args = append(p.args, "-append", b.Cmdline) // taken as it is: no commas are read in it
	}
	return p
}
