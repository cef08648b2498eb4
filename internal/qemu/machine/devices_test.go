package machine

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestEachDeviceAddsWhatItNeedsAndNoMore(t *testing.T) {
	at := place{Bus: "rp2"}
	for name, c := range map[string]struct {
		got, want part
	}{
		"serial": {serial(), part{
			args: []string{"-add-fd", "fd={fd:serial-log},set=1,opaque=serial-log", "-chardev",
				"socket,id=serial0,fd={fd:serial0},server=on,wait=off,logfile=/dev/fdset/1,logappend=on", "-serial", "chardev:serial0"},
			files:   []File{{Name: "serial-log", Kind: SerialLog, Access: Append}},
			sockets: []string{"serial0"},
		}},
		"monitor": {monitor(), part{
			args: []string{"-chardev", "socket,id=qmp,fd={fd:qmp},server=on,wait=off", "-mon", "chardev=qmp,mode=control",
				"-chardev", "ringbuf,id=holds-fds,size=4096", "-mon", "chardev=holds-fds,mode=control"},
			sockets: []string{"qmp"},
		}},
		"network card": {nic("lan", vm.NIC{Network: vm.UserNetwork, MAC: "52:54:00:00:00:01"}, vm.BIOS, at), part{
			args: []string{"-netdev", `{"type":"stream","id":"net-lan","server":true,"addr":{"type":"fd","str":"{fd:net-lan}"}}`,
				"-device", `{"driver":"virtio-net-pci","id":"nic-lan","bus":"rp2","netdev":"net-lan","mac":"52:54:00:00:00:01","romfile":""}`},
			sockets: []string{"net-lan"},
			uplinks: []Uplink{{Device: "lan", Socket: "net-lan", MAC: "52:54:00:00:00:01", Netdev: "net-lan"}},
		}},
		"random numbers": {rng(place{Bus: "pci.0", Addr: "1f"}), part{args: []string{"-object", `{"qom-type":"rng-builtin","id":"rng0"}`,
			"-device", `{"driver":"virtio-rng-pci","id":"rng","bus":"pci.0","addr":"1f","rng":"rng0"}`}}},
		"panic on x86":   {panicNotifier(familyQ35), part{args: []string{"-device", `{"driver":"pvpanic","id":"panic"}`}}},
		"panic on arm64": {panicNotifier(familyVirt), part{args: []string{"-device", `{"driver":"pvpanic-pci","id":"panic","bus":"pcie.0","addr":"1e"}`}}},
		"memory":         {memory(Input{Spec: vm.Spec{Memory: 1536 * model.MiB}}), part{args: []string{"-m", "size=1536M"}}},
		"cpus":           {topology(vm.Spec{CPUs: 3}), part{args: []string{"-smp", "cpus=3,sockets=1,cores=3,threads=1"}}},
		"threads": {topology(vm.Spec{CPUs: 8, CPU: &vm.CPU{Sockets: 2, Threads: 2}}),
			part{args: []string{"-smp", "cpus=8,sockets=2,cores=2,threads=2"}}},
		"kernel alone": {kernel(vm.Boot{Kernel: "k"}), part{args: []string{"-kernel", "/proc/self/fd/{fd:kernel}"},
			files: []File{{Name: "kernel", Kind: KernelFile, Object: "k", Access: ReadOnly}}}},
		"kernel, initrd and command line": {kernel(vm.Boot{Kernel: "k", Initrd: "i", Cmdline: "a=1,b -x"}), part{
			args: []string{"-kernel", "/proc/self/fd/{fd:kernel}", "-initrd", "/proc/self/fd/{fd:initrd}", "-append", "a=1,b -x"},
			files: []File{{Name: "kernel", Kind: KernelFile, Object: "k", Access: ReadOnly},
				{Name: "initrd", Kind: InitrdFile, Object: "i", Access: ReadOnly}},
		}},
	} {
		if d := cmp.Diff(c.want, c.got, cmp.AllowUnexported(part{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestATPMIsSpokenToThroughASwtpmOfTheVMsOwn(t *testing.T) {
	for _, c := range []struct {
		spec vm.Spec
		want string
	}{
		{vm.Spec{TPM: &vm.TPM{}}, `{"driver":"tpm-crb","id":"tpm","tpmdev":"tpm0"}`},
		{vm.Spec{Machine: "pc", TPM: &vm.TPM{Interface: vm.TPMTIS}}, `{"driver":"tpm-tis","id":"tpm","tpmdev":"tpm0"}`},
		{vm.Spec{Arch: "aarch64", Firmware: vm.UEFI, TPM: &vm.TPM{}}, `{"driver":"tpm-tis-device","id":"tpm","tpmdev":"tpm0"}`},
	} {
		m, err := Build(input(c.spec))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{c.want, "socket,id=tpm,fd={fd:tpm}", "emulator,id=tpm0,chardev=tpm"} {
			if !slices.Contains(m.Args, want) {
				t.Errorf("%q is not in %q", want, m.Args)
			}
		}
		if !m.TPM || slices.Contains(m.Sockets, "tpm") {
			t.Errorf("swtpm %v, sockets %v", m.TPM, m.Sockets)
		}
	}
}

func TestABoardHasOnlyWhatItsGuestNeeds(t *testing.T) {
	for _, c := range []struct {
		board board
		want  string
	}{
		{board{family: familyQ35, machineType: "pc-q35-7.2"}, "type=pc-q35-7.2,dump-guest-core=off,vmport=off,sata=off"},
		{board{family: familyPC, machineType: "pc-i440fx-7.2", bios: true, serial: true}, "type=pc-i440fx-7.2,dump-guest-core=off,vmport=off,graphics=off"},
		{board{family: familyVirt, machineType: "virt-7.2", serial: true}, "type=virt-7.2,dump-guest-core=off,gic-version=3"},
		{board{family: familyVirt, machineType: "virt-7.2", kvm: true}, "type=virt-7.2,dump-guest-core=off,gic-version=host"},
		{board{family: familyVirt, machineType: "virt-7.2", nested: true}, "type=virt-7.2,dump-guest-core=off,gic-version=3,virtualization=on"},
	} {
		if got := c.board.part().args[1]; got != c.want {
			t.Errorf("%+v: %s", c.board, got)
		}
	}
}

func TestRootPortsReachBeyondTheHighestInUseWithoutAHole(t *testing.T) {
	p := board{family: familyQ35}.rootPorts(map[string]int{"rng": 9})
	if len(p.args) != 2*(9+sparePorts) {
		t.Fatalf("%d arguments", len(p.args))
	}
	for n, want := range map[int]string{
		1: `{"driver":"pcie-root-port","id":"rp1","bus":"pcie.0","addr":"2.0","chassis":1,"multifunction":true}`,
		8: `{"driver":"pcie-root-port","id":"rp8","bus":"pcie.0","addr":"2.7","chassis":8}`,
		9: `{"driver":"pcie-root-port","id":"rp9","bus":"pcie.0","addr":"3.0","chassis":9,"multifunction":true}`,
	} {
		if got := p.args[2*n-1]; got != want {
			t.Errorf("port %d: %s", n, got)
		}
	}
	if got := (board{family: familyPC}).rootPorts(map[string]int{"rng": 9}); len(got.args) != 0 {
		t.Error("a PCI board got root ports")
	}
}
