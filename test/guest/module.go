package guest

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// modules finds kernel modules of one release and what each depends on. It reads the modules themselves:
// modules.dep is made when a kernel is installed, and ours is only unpacked.
type modules struct {
	files   map[string]string // name with _ for - -> path
	builtin map[string]bool
	read    map[string][]byte // decompressed
}

// openModules looks under root, where Debian 12 has lib/modules and Debian 13 usr/lib/modules.
func openModules(root, release string) (*modules, error) {
	dir, err := firstOf(root, "usr/lib/modules/"+release, "lib/modules/"+release)
	if err != nil {
		return nil, err
	}
	m := &modules{files: map[string]string{}, builtin: map[string]bool{}, read: map[string][]byte{}}
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for line := range strings.FieldsSeq(string(list)) {
		m.builtin[moduleName(line)] = true
	}
	err = filepath.WalkDir(filepath.Join(dir, "kernel"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.Contains(filepath.Base(name), ".ko") {
			m.files[moduleName(name)] = name
		}
		return nil
	})
	return m, err
}

// moduleName is what the kernel calls a module file: virtio-rng.ko.xz is virtio_rng.
func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// order returns the module and all it needs, each after what it needs. A module that is built into the
// kernel needs no loading and yields nothing.
func (m *modules) order(ctx context.Context, name string) ([]string, error) {
	var sorted []string
	seen := map[string]bool{}
	var visit func(string) error
	visit = func(name string) error {
		if seen[name] || m.builtin[name] {
			return nil
		}
		seen[name] = true
		needs, err := m.depends(ctx, name)
		if err != nil {
			return err
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		sorted = append(sorted, name)
		return nil
	}
	return sorted, visit(name)
}

// depends reads the field "depends" of the section .modinfo: NUL-terminated key=value strings.
func (m *modules) depends(ctx context.Context, name string) ([]string, error) {
	text, err := m.content(ctx, name)
	if err != nil {
		return nil, err
	}
	object, err := elf.NewFile(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", m.files[name], err)
	}
	section := object.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("module %s has no section .modinfo", m.files[name])
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", m.files[name], err)
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(field, []byte("depends=")); ok {
			return strings.FieldsFunc(strings.ReplaceAll(string(list), "-", "_"), func(r rune) bool { return r == ',' }), nil
		}
	}
	return nil, nil
}

// content is the module as insmod wants it: busybox cannot decompress xz.
func (m *modules) content(ctx context.Context, name string) ([]byte, error) {
	if text, ok := m.read[name]; ok {
		return text, nil
	}
	file, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("this kernel has no module %s", name)
	}
	var text []byte
	var err error
	switch filepath.Ext(file) {
	case ".ko":
		text, err = os.ReadFile(file)
	case ".xz":
		text, err = run(ctx, "", "xz", "-dc", file)
	default:
		err = fmt.Errorf("module %s is packed in a way that we do not read (known: .ko, .ko.xz)", file)
	}
	if err != nil {
		return nil, err
	}
	m.read[name] = text
	return text, nil
}
