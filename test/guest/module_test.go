package guest

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeModule is an ELF object with nothing but the section .modinfo (ELF-64 object file format).
func fakeModule(t *testing.T, depends string) []byte {
	t.Helper()
	info := "license=GPL\x00depends=" + depends + "\x00"
	names := "\x00.modinfo\x00.shstrtab\x00"
	type section struct {
		Name, Type                uint32
		Flags, Addr, Offset, Size uint64
		Link, Info                uint32
		Align, EntrySize          uint64
	}
	infoAt := uint64(64)
	namesAt := infoAt + uint64(len(info))
	header := struct {
		Ident                                               [16]byte
		Type, Machine                                       uint16
		Version                                             uint32
		Entry, Programs, Sections                           uint64
		Flags                                               uint32
		Size, ProgramSize, ProgramCount, SectionSize, Sects uint16
		NamesIndex                                          uint16
	}{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: 1, Machine: 62, Version: 1,
		Sections: namesAt + uint64(len(names)), Size: 64, SectionSize: 64, Sects: 3, NamesIndex: 2,
	}
	sections := []section{
		{},
		{Name: 1, Type: 1, Offset: infoAt, Size: uint64(len(info)), Align: 1},
		{Name: 10, Type: 3, Offset: namesAt, Size: uint64(len(names)), Align: 1},
	}
	var b bytes.Buffer
	for _, part := range []any{header, []byte(info), []byte(names), sections} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// fakeRoot holds modules of release 6.x, in the folder where the given Debian has them.
func fakeRoot(t *testing.T, folder string, packed bool, depends map[string]string) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, folder, "6.x")
	if err := os.MkdirAll(filepath.Join(dir, "kernel", "drivers"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("modules.builtin", []byte("kernel/net/packet/af_packet.ko\n"))
	for name, needs := range depends {
		file := filepath.Join("kernel", "drivers", name+".ko")
		write(file, fakeModule(t, needs))
		if !packed {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "xz", filepath.Join(dir, file)).CombinedOutput(); err != nil {
			t.Fatalf("xz: %v: %s", err, out)
		}
	}
	return root
}

func TestModulesAreLoadedAfterWhatTheyNeed(t *testing.T) {
	depends := map[string]string{
		"virtio_ring": "", "virtio": "virtio_ring", "virtio_pci": "virtio,virtio_ring,virtio-modern", "virtio-modern": "virtio,af_packet",
	}
	for _, c := range []struct {
		name, folder string
		packed       bool
	}{{"Debian 12", "lib/modules", false}, {"Debian 13", "usr/lib/modules", true}} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath("xz"); err != nil && c.packed {
				t.Skip("needs xz, which scripts/deps.sh installs")
			}
			m, err := openModules(fakeRoot(t, c.folder, c.packed, depends), "6.x")
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.order(t.Context(), "virtio_pci")
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"virtio_ring", "virtio", "virtio_modern", "virtio_pci"}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestABuiltInModuleNeedsNoLoadingAndAMissingOneIsNamed(t *testing.T) {
	m, err := openModules(fakeRoot(t, "lib/modules", false, map[string]string{"a": "gone"}), "6.x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.order(t.Context(), "af_packet"); err != nil || len(got) != 0 {
		t.Errorf("built in: got %q, %v", got, err)
	}
	if _, err := m.order(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "no module gone") {
		t.Errorf("missing: got %v", err)
	}
}

func TestAModuleThatIsNoELFIsNamed(t *testing.T) {
	root := fakeRoot(t, "lib/modules", false, nil)
	bad := filepath.Join(root, "lib/modules/6.x/kernel/drivers/bad.ko")
	if err := os.WriteFile(bad, []byte("not an object"), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := openModules(root, "6.x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.order(t.Context(), "bad"); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("got %v", err)
	}
}
