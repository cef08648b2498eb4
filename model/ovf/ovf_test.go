package ovf

import (
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func sample(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func codes(l finding.List) string {
	var all []string
	for _, f := range l {
		all = append(all, f.Code+" "+f.What)
	}
	return strings.Join(all, "\n")
}

func TestWhatVirtualBoxWritesBecomesAVM(t *testing.T) {
	a, err := Read(sample(t, "virtualbox.ovf"))
	if err != nil || a.Findings.Refuses() {
		t.Fatal(err, a.Findings)
	}
	p := a.Plan("web", "fast")
	want := vm.Spec{
		CPUs: 2, Memory: model.GiB, Firmware: vm.UEFI, Graphics: &vm.Graphics{}, Description: "imported: Web Server (Debian_64)",
		Disks: map[string]vm.Disk{
			"disk1": {Image: "web-disk1", Bus: vm.BusSATA, BootIndex: 1, Pool: "fast"}, "disk2": {Image: "web-disk2", Bus: vm.BusSATA, BootIndex: 2, Pool: "fast"},
		},
		CDROMs: map[string]vm.CDROM{"cd0": {}},
		NICs:   map[string]vm.NIC{"nic0": {Network: "user", Model: vm.NICE1000E}},
	}
	if d := cmp.Diff(want, p.Definition.Spec); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"disk1": "web-disk001.vmdk", "disk2": "web-disk002.vmdk"}, p.Files); d != "" {
		t.Error(d)
	}
	if got := codes(a.Findings); !strings.Contains(got, "usb") || !strings.Contains(got, "sound") || !strings.Contains(got, `network "NAT" becomes "user"`) {
		t.Errorf("what is lost is not told:\n%s", got)
	}
	if a.Label() != "web-server" {
		t.Errorf("it is called %q", a.Label())
	}
}

func TestWhatVMwareWritesBecomesAVM(t *testing.T) {
	a, err := Read(sample(t, "vmware.ovf"))
	if err != nil || a.Findings.Refuses() {
		t.Fatal(err, a.Findings)
	}
	s := a.Plan("db", "").Definition.Spec
	if s.CPUs != 4 || s.CPU == nil || s.CPU.Sockets != 2 || s.Memory != 8*model.GiB || s.Firmware != vm.UEFI || !s.SecureBoot {
		t.Errorf("%+v", s)
	}
	if d := cmp.Diff(map[string]vm.Disk{
		"disk1": {Image: "db-disk1", Bus: vm.BusSATA, BootIndex: 1}, "disk2": {Size: 10 * model.GiB, Bus: vm.BusSATA, BootIndex: 2}, "disk3": {Image: "db-disk3", Bus: vm.BusNVMe, BootIndex: 3},
	}, s.Disks); d != "" {
		t.Error(d)
	}
	got := codes(a.Findings)
	for _, want := range []string{"VirtualSCSI) becomes SATA", "VmxNet3 becomes an e1000e", "of its 2 configurations", "2 properties", "Floppy"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not told:\n%s", want, got)
		}
	}
}

func TestEverythingThatStandsInTheWayIsToldAtOnce(t *testing.T) {
	a, err := Read([]byte(`<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
<References><File ovf:id="a" ovf:href="/etc/shadow"/><File ovf:id="b" ovf:href="b.vmdk" ovf:chunkSize="5"/><File ovf:id="c" ovf:href="c.vmdk" ovf:compression="bzip2"/></References>
<DiskSection><Disk ovf:diskId="d" ovf:fileRef="b" ovf:parentRef="x"/></DiskSection>
<VirtualSystem ovf:id="v"><VirtualHardwareSection><Item><ResourceType>17</ResourceType><HostResource>ovf:/disk/none</HostResource></Item></VirtualHardwareSection></VirtualSystem></Envelope>`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"/etc/shadow" is elsewhere`, `"b.vmdk" is in parts`, `packed as "bzip2"`, "differences", "ovf:/disk/none"} {
		if !strings.Contains(codes(a.Findings), want) {
			t.Errorf("%q is not told:\n%s", want, codes(a.Findings))
		}
	}
	if a.Refused() == nil {
		t.Error("it is not refused")
	}
}

func TestADescriptorThatIsNoneIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no XML": "hello", "another": "<html/>", "cut off": "<Envelope><References>",
		"entities":                           `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/shadow">]><Envelope><VirtualSystem><Name>&e;</Name></VirtualSystem></Envelope>`,
		"an entity that nobody has declared": `<Envelope><VirtualSystem><Name>&e;</Name></VirtualSystem></Envelope>`,
		"deep":                               strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100),
		"long":                               strings.Repeat(" ", MaxDescriptor+1),
	} {
		if a, err := Read([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for _, several := range []string{`<Envelope/>`, `<Envelope><VirtualSystem/><VirtualSystem/></Envelope>`, `<Envelope><VirtualSystemCollection/></Envelope>`} {
		if a, err := Read([]byte(several)); err != nil || a.Refused() == nil {
			t.Errorf("%s: %v %+v", several, err, a)
		}
	}
}

func TestWhatIsWrittenIsReadAsTheSameMachine(t *testing.T) {
	disks, in := map[string]vm.Disk{}, []Content{}
	for _, d := range []struct{ name, bus string }{{"root", ""}, {"data", vm.BusNVMe}, {"old", vm.BusSATA}} {
		disks[d.name] = vm.Disk{Volume: "v-" + d.name, Bus: d.bus}
		in = append(in, Content{Device: d.name, File: d.name + ".vmdk", Size: 4096, Capacity: model.GiB})
	}
	spec := vm.Spec{CPUs: 3, Memory: 768 * model.MiB, Firmware: vm.UEFI, SecureBoot: true, Disks: disks, NICs: map[string]vm.NIC{"lan": {Network: "user"}, "wan": {Model: vm.NICE1000E}}}
	text, err := Write(`a <b> & "c"`, spec, in)
	if err != nil {
		t.Fatal(err)
	}
	var root struct{ XMLName xml.Name }
	if err := xml.Unmarshal(text, &root); err != nil || root.XMLName.Space != nsOVF {
		t.Errorf("%v %+v", err, root)
	}
	a, err := Read(text)
	if err != nil || len(a.Findings) > 0 {
		t.Fatalf("%v\n%s\n%s", err, codes(a.Findings), text)
	}
	got := a.Plan("web", "").Definition.Spec
	if got.CPUs != 3 || got.Memory != spec.Memory || got.Firmware != vm.UEFI || !got.SecureBoot {
		t.Errorf("%+v", got)
	}
	for name, d := range disks {
		if got.Disks[name].Bus != d.Bus || got.Disks[name].Image != "web-"+name {
			t.Errorf("disk %s: %+v", name, got.Disks[name])
		}
	}
	if got.NICs["lan"].Model != "" || got.NICs["wan"].Model != vm.NICE1000E {
		t.Errorf("%+v", got.NICs)
	}
}

func TestAManifestIsReadOrRefused(t *testing.T) {
	hex := strings.Repeat("aB", 32)
	low := strings.ToLower(hex)
	got, err := ReadManifest([]byte("SHA256(web.ovf)= " + hex + "\r\nSHA1 (disk 1.vmdk) = " + hex[:40] + "\n\n"))
	if d := cmp.Diff(map[string]Sum{"web.ovf": {"sha256", strings.ToLower(hex)}, "disk 1.vmdk": {"sha1", strings.ToLower(hex[:40])}}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	if back, err := ReadManifest(WriteManifest(map[string]string{"a": low})); err != nil || back["a"].Hex != low {
		t.Error(err, back)
	}
	for _, bad := range []string{"hello", "SHA256(a)= 12", "MD5(a)= " + hex[:32], "SHA256(a)= " + hex + "\nSHA256(a)= " + hex, strings.Repeat("\n", MaxManifest+1)} {
		if got, err := ReadManifest([]byte(bad)); err == nil {
			t.Errorf("%.30q: %v", bad, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"virtualbox.ovf", "vmware.ovf"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := Read(text)
		if err != nil {
			return
		}
		for _, file := range a.Files {
			if !PlainName(file) {
				t.Errorf("it refers to %q", file)
			}
		}
		if a.Findings.Refuses() {
			return
		}
		p := a.Plan("web", "")
		if len(a.Disks) > vm.MaxDisks || len(a.NICs) > vm.MaxNICs {
			return // the daemon says so
		}
		for device := range p.Definition.Disks {
			if model.CheckName("disk", device) != nil {
				t.Errorf("disk %q", device)
			}
		}
		if label := a.Label(); label != "" && model.CheckName("vm", label) != nil {
			t.Errorf("it is called %q", label)
		}
	})
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte("SHA256(web.ovf)= " + strings.Repeat("ab", 32)))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = ReadManifest(text) })
}
