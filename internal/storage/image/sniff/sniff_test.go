package sniff

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

func look(b []byte) (Found, error) { return Look(bytes.NewReader(b), int64(len(b))) }

// disk is a raw disk of 4 MiB with a boot sector.
func disk() []byte {
	b := make([]byte, 4<<20)
	b[510], b[511] = 0x55, 0xaa
	copy(b[1<<20:], "content")
	return b
}

// made is what qemu-img makes of a disk.
func made(t testing.TB, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed (qemu-utils)")
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, disk(), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("qemu-img", append(append([]string{"convert", "-f", "raw"}, args...), in, out)...).CombinedOutput(); err != nil {
		t.Fatalf("%s", said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnImageIsKnownByItsContent(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want Kind
	}{
		"qcow2":            {[]string{"-O", "qcow2"}, QCOW2},
		"qcow2 of old":     {[]string{"-O", "qcow2", "-o", "compat=0.10"}, QCOW2},
		"qcow2 zstd":       {[]string{"-O", "qcow2", "-c", "-o", "compression_type=zstd"}, QCOW2},
		"qcow2 extended":   {[]string{"-O", "qcow2", "-o", "extended_l2=on"}, QCOW2},
		"vmdk":             {[]string{"-O", "vmdk"}, VMDK},
		"vmdk for streams": {[]string{"-O", "vmdk", "-o", "subformat=streamOptimized"}, VMDK},
		"vhd":              {[]string{"-O", "vpc", "-o", "force_size=on"}, VHD},
		"vhd fixed":        {[]string{"-O", "vpc", "-o", "force_size=on,subformat=fixed"}, VHD},
		"vhdx":             {[]string{"-O", "vhdx"}, VHDX},
		"vhdx fixed":       {[]string{"-O", "vhdx", "-o", "subformat=fixed"}, VHDX},
		"vdi":              {[]string{"-O", "vdi"}, VDI},
		"vdi static":       {[]string{"-O", "vdi", "-o", "static=on"}, VDI},
		"raw":              {[]string{"-O", "raw"}, Raw},
	} {
		got, err := look(made(t, c.args...))
		if err != nil || got.Kind != c.want || got.Size != 4*model.MiB {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// at is a file of n bytes with text at one place.
func at(n, place int, text string) []byte {
	b := make([]byte, n)
	copy(b[place:], text)
	return b
}

func TestADiskIsKnownByWhatABootSectorOrAFileSystemHas(t *testing.T) {
	for name, b := range map[string][]byte{
		"boot sector": disk(), "GPT": at(4096, 512, "EFI PART"), "GPT of large sectors": at(8192, 4096, "EFI PART"), "ext4": at(4096, 0x438, "\x53\xef"),
		"XFS": at(4096, 0, "XFSB"), "btrfs": at(128<<10, 0x10040, "_BHRfS_M"), "squashfs": at(4096, 0, "hsqs"), "LVM": at(4096, 0x218, "LVM2 001"),
	} {
		if got, err := look(b); err != nil || got.Kind != Raw || got.Size != model.Bytes(len(b)) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	iso := disk()
	copy(iso[16*2048:], "\x01CD001")
	if got, err := look(iso); err != nil || got.Kind != ISO {
		t.Errorf("a hybrid ISO: %+v %v", got, err)
	}
	for name, c := range map[string]struct {
		b    []byte
		want Kind
	}{"gzip": {[]byte("\x1f\x8b\x08"), Gzip}, "xz": {[]byte("\xfd7zXZ\x00"), XZ}, "zstd": {[]byte("\x28\xb5\x2f\xfd"), Zstd}} {
		if got, err := look(c.b); err != nil || got.Kind != c.want || !got.Kind.Packed() {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestWhatIsNoImageIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing": {}, "a word": []byte("hello"), "a page": []byte(strings.Repeat("<html>not found</html>", 100)),
		"zeros": make([]byte, 1<<20), "zip": at(1024, 0, "PK\x03\x04"), "bzip2": at(1024, 0, "BZh9"),
	} {
		if got, err := look(b); fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != "HV-IMG-010" || fault.HintOf(err) == "" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// set writes a number in big endian.
func set(b []byte, at int, n uint32) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[at:], n)
	return b
}

func flat(line string) []byte {
	return at(4096, 0, "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"+line+"\n")
}

// Each of these names a file of the host's, and would have QEMU read it.
func TestAnImageThatReachesBeyondItselfIsRefused(t *testing.T) {
	qcow2, vmdk, vdi, vhdx := made(t, "-O", "qcow2"), made(t, "-O", "vmdk"), made(t, "-O", "vdi"), made(t, "-O", "vhdx")
	diff := made(t, "-O", "vpc", "-o", "force_size=on")
	diff = set(diff, 60, vhdDifferencing)
	diff = set(diff, 64, binary.BigEndian.Uint32(diff[64:])-(vhdDifferencing-vhdDynamic))
	backed := set(set(qcow2, 12, 0x400), 16, 11)
	copy(backed[0x400:], "/etc/shadow")
	parent := bytes.Replace(vmdk, []byte("parentCID=ffffffff"), []byte("parentCID=12345678"), 1)
	two := bytes.Replace(vmdk, []byte("# The Disk Data Base"), []byte("RW 1 FLAT \"/etc/s\" 0"), 1)
	capacity := bytes.Clone(vmdk)
	clear(capacity[12:20])
	child := bytes.Clone(vhdx)
	i := bytes.Index(child[2<<20:], []byte("metadata")) + 2<<20
	p := entry(child[i+32:i+32+2047*32], vhdxParameters)
	child[i+int(binary.LittleEndian.Uint32(p[16:]))+4] |= vhdxHasParent
	undo := bytes.Clone(vdi)
	undo[0x4c] = 4
	for name, b := range map[string][]byte{
		"backing file": backed, "data file": set(qcow2, 76, qcow2DataFile), "flat extent": flat(`RW 8 FLAT "/etc/shadow" 0`),
		"sparse extent elsewhere": flat(`RW 8 SPARSE "/etc/shadow"`), "vmdk 3": at(4096, 0, "COWD"), "vmdk parent": parent, "vmdk with a second extent": two,
		"vmdk of no capacity": capacity, "vhd of differences": diff, "vhdx with a parent": child, "vdi of differences": undo,
	} {
		if got, err := look(b); fault.KindOf(err) != fault.Denied || fault.CodeOf(err) != "HV-IMG-011" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	for name, b := range map[string][]byte{
		"encrypted": set(qcow2, 32, 2), "corrupt": set(qcow2, 76, qcow2Corrupt), "unknown": set(qcow2, 72, 1), "version": set(qcow2, 4, 9), "huge": set(qcow2, 24, 1<<30),
	} {
		if got, err := look(b); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

const ovf = `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
 <References><File ovf:id="f1" ovf:href="%s"/></References>
 <DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="4" ovf:capacityAllocationUnits="byte * 2^20"/><Disk ovf:diskId="empty" ovf:capacity="9"/></DiskSection>
 <VirtualSystem ovf:id="web"><Name>web server</Name>
  <OperatingSystemSection ovf:id="96"><Description>Debian 12</Description></OperatingSystemSection>
  <VirtualHardwareSection>
   <Item><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
   <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>512</rasd:VirtualQuantity></Item>
  </VirtualHardwareSection>
 </VirtualSystem>
</Envelope>`

// ova is a tar of files, in this order.
func ova(t testing.TB, files ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range files {
		content := h.Linkname
		if h.Typeflag == 0 {
			h.Typeflag, h.Linkname, h.Size = tar.TypeReg, "", int64(len(content))
		} else {
			content = ""
		}
		h.Mode, h.Format = 0o600, tar.FormatUSTAR
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// of is a member: its name, and its content in the place of a link's target.
func of(name, content string) tar.Header { return tar.Header{Name: name, Linkname: content} }

func TestADiskIsFoundInAnOVAWhereItStands(t *testing.T) {
	vmdk := string(made(t, "-O", "vmdk", "-o", "subformat=streamOptimized"))
	sum := strings.Repeat("ab", 32)
	b := ova(t, of("web.ovf", fmt.Sprintf(ovf, "web.vmdk")), of("web.mf", "SHA256(web.vmdk)= "+sum+"\n"), of("web.vmdk", vmdk))
	got, err := look(b)
	if err != nil {
		t.Fatal(err)
	}
	if got.Kind != OVA || got.Disk != VMDK || got.Size != 4*model.MiB || string(b[got.At:got.At+got.Len]) != vmdk {
		t.Errorf("%+v", got)
	}
	if want := (Machine{"web server", "Debian 12", 2, 512 * model.MiB}); got.Machine != want {
		t.Errorf("%+v", got.Machine)
	}
	if got.Manifest["web.vmdk"] != (Digest{"sha256", sum}) {
		t.Errorf("%+v", got.Manifest)
	}
}

func TestAnOVAThatReachesBeyondItselfIsRefused(t *testing.T) {
	descr := of("web.ovf", fmt.Sprintf(ovf, "web.vmdk"))
	disk := of("web.vmdk", string(disk()))
	for name, b := range map[string][]byte{
		"a path out of it":  ova(t, descr, of("../../etc/cron.d/x", "x"), disk),
		"an absolute path":  ova(t, descr, of("/etc/passwd", "x"), disk),
		"a link":            ova(t, descr, tar.Header{Name: "web.vmdk", Linkname: "/etc/shadow", Typeflag: tar.TypeSymlink}),
		"a disk elsewhere":  ova(t, of("web.ovf", fmt.Sprintf(ovf, "file:///etc/shadow")), disk),
		"a disk that lacks": ova(t, of("web.ovf", fmt.Sprintf(ovf, "other.vmdk")), disk),
		"a disk twice":      ova(t, descr, disk, disk),
		"a flat vmdk":       ova(t, descr, of("web.vmdk", string(flat(`RW 8 FLAT "/etc/shadow" 0`)))),
	} {
		if got, err := look(b); fault.KindOf(err) != fault.Denied || fault.CodeOf(err) != "HV-IMG-011" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	inner := ova(t, descr, disk)
	for name, b := range map[string][]byte{
		"no descriptor": ova(t, disk), "two descriptors": ova(t, descr, of("b.ovf", "x"), disk), "no XML": ova(t, of("web.ovf", "<Envelope"), disk),
		"an archive in it": ova(t, descr, of("web.vmdk", string(inner))), "cut": inner[:800],
		"no disk": ova(t, of("web.ovf", "<Envelope></Envelope>"), disk),
	} {
		if got, err := look(b); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func FuzzLook(f *testing.F) {
	f.Add(disk()[:1024])
	f.Add(flat(`RW 8 FLAT "/etc/shadow" 0`))
	f.Add(ova(f, of("web.ovf", fmt.Sprintf(ovf, "web.vmdk")), of("web.vmdk", string(disk()[:2048]))))
	for _, format := range []string{"qcow2", "vmdk", "vhdx", "vdi", "vpc"} {
		b := made(f, "-O", format)
		f.Add(b[:min(len(b), 64<<10)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := look(b)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Denied {
				t.Errorf("%v is %v", err, k)
			}
			return
		}
		if got.At < 0 || got.Len < 0 || got.At+got.Len > int64(len(b)) {
			t.Errorf("a disk from %d, %d bytes, in %d", got.At, got.Len, len(b))
		}
	})
}

func FuzzOVF(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(ovf, "web.vmdk")))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ReadOVF(b)
		if err != nil {
			return
		}
		for _, d := range o.Disks {
			if strings.ContainsAny(d.File, "/\\") || d.Capacity < 0 {
				t.Errorf("%+v", d)
			}
		}
		if o.Memory < 0 || o.CPUs < 0 {
			t.Errorf("%+v", o)
		}
	})
}
