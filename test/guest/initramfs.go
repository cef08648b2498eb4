package guest

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"slices"
	"strings"
)

// moduleSets says which modules are loaded when: base always, the others when the virtio bus shows a
// device of that number (virtio specification, section 5), because under emulation each one costs time.
var moduleSets = []struct {
	name    string
	modules []string
}{
	{"base", []string{"virtio_pci", "evdev"}},
	{"0x0001", []string{"virtio_net", "af_packet"}}, // af_packet for DHCP; built in on some kernels
	{"0x0002", []string{"virtio_blk"}},
	{"0x0003", []string{"virtio_console"}},
	{"0x0004", []string{"virtio_rng"}},
	{"0x0005", []string{"virtio_balloon"}},
	{"0x0013", []string{"vmw_vsock_virtio_transport"}},
	{"0x0018", []string{"virtio_mem"}},
	{"0x001a", []string{"virtiofs"}},
	{"0x0008", []string{"virtio_scsi", "sd_mod", "sr_mod", "isofs"}},
}

// folders of the initramfs, parents first; the kernel adds /dev/console by itself.
var folders = []string{"bin", "dev", "etc", "etc/acpi", "etc/acpi/PWRF", "lib", "lib/modules", "lib/sets", "mnt", "proc", "run", "sys", "tmp", "var", "var/log", "var/run"}

// scripts of ours, embedded file -> place in the initramfs. acpid names the power button's event PWRF/00000080.
var scripts = []struct{ file, place string }{
	{"files/init.sh", "init"},
	{"files/dhcp.sh", "etc/dhcp"},
	{"files/power.sh", "etc/acpi/PWRF/00000080"},
	{"files/marker.sh", "bin/marker"},
	{"files/profile.sh", "etc/profile"},
}

// initramfs packs busybox, the modules and our scripts, and returns the archive and the modules' names.
func (p port) initramfs(ctx context.Context, from roots, release string) ([]byte, []string, error) {
	var a archive
	for _, name := range folders {
		a.dir(name)
	}
	for _, s := range scripts {
		text, err := files.ReadFile(s.file)
		if err != nil {
			return nil, nil, err
		}
		a.file(s.place, 0o755, text)
	}
	if err := addBusybox(ctx, &a, from); err != nil {
		return nil, nil, err
	}
	loaded, err := p.addModules(ctx, &a, from.kernel, release)
	if err != nil {
		return nil, nil, err
	}
	return a.bytes(), loaded, nil
}

// addBusybox adds the program and a link for each of its applets that is not ours.
func addBusybox(ctx context.Context, a *archive, from roots) error {
	program, err := firstOf(from.busybox, "bin/busybox", "usr/bin/busybox")
	if err != nil {
		return err
	}
	if err := checkStatic(program); err != nil {
		return err
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	a.file("bin/busybox", 0o755, text)
	if program, err = firstOf(from.runs, "bin/busybox", "usr/bin/busybox"); err != nil {
		return err
	}
	applets, err := run(ctx, "", program, "--list")
	if err != nil {
		return err
	}
	for _, applet := range slices.Sorted(strings.FieldsSeq(string(applets))) {
		if applet != "busybox" {
			a.link("bin/"+applet, "busybox")
		}
	}
	return nil
}

// checkStatic refuses a program that asks for a dynamic loader: the initramfs has none, and the kernel
// would panic with "No working init found".
func checkStatic(program string) error {
	object, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	defer object.Close() //nolint:errcheck // opened for reading
	for _, p := range object.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically: the package %s has the static one", program, busyboxPackage)
		}
	}
	return nil
}

// addModules adds each module once, and for each set the list in loading order. A list is complete in
// itself; init skips what is loaded already.
func (p port) addModules(ctx context.Context, a *archive, root, release string) ([]string, error) {
	known, err := openModules(root, release)
	if err != nil {
		return nil, err
	}
	var added []string
	for _, set := range moduleSets {
		var list []string
		wishes := set.modules
		if set.name == "base" {
			wishes = slices.Concat(wishes, p.base)
		}
		for _, wish := range wishes {
			order, err := known.order(ctx, wish)
			if err != nil {
				return nil, fmt.Errorf("module %s: %w", wish, err)
			}
			list = append(list, order...)
		}
		for _, name := range list {
			if slices.Contains(added, name) {
				continue
			}
			text, err := known.content(ctx, name)
			if err != nil {
				return nil, err
			}
			a.file("lib/modules/"+name+".ko", 0o644, text)
			added = append(added, name)
		}
		a.file("lib/sets/"+set.name, 0o644, []byte(strings.Join(list, "\n")+"\n"))
	}
	return added, nil
}
