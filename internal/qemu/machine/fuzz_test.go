package machine

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// shapes are the options that a machine may have and how the value of each reads: JSON, comma-separated, as it
// is, or none.
var shapes = map[string]string{
	"-name": "options", "-uuid": "plain", "-nodefaults": "none", "-no-user-config": "none", "-display": "plain", "-vnc": "plain", "-S": "none",
	"-action": "options", "-rtc": "options", "-global": "options", "-tpmdev": "options", "-machine": "options", "-accel": "options", "-cpu": "options", "-m": "options",
	"-smp": "options", "-chardev": "options", "-mon": "options", "-serial": "plain", "-add-fd": "options", "-kernel": "plain",
	"-initrd": "plain", "-append": "plain", "-boot": "options", "-blockdev": "json", "-device": "json", "-netdev": "json", "-object": "json", "-numa": "options", "-audiodev": "json", "-overcommit": "options",
}

// readBack reads a command line as QEMU does, and returns the keys of each option.
func readBack(t *testing.T, args []string) map[string][]string {
	t.Helper()
	keys := map[string][]string{}
	for i := 0; i < len(args); i++ {
		option, shape := args[i], shapes[args[i]]
		if shape == "" {
			t.Fatalf("%q is no option of ours", option)
		}
		if shape == "none" {
			continue
		}
		i++
		if i == len(args) || strings.Contains(args[i], "\x00") {
			t.Fatalf("%s has no value that can be given", option)
		}
		switch shape {
		case "options":
			keys[option] = append(keys[option], optionKeys(args[i])...)
		case "json":
			var v map[string]any
			if err := json.Unmarshal([]byte(args[i]), &v); err != nil {
				t.Fatalf("%s %q: %v", option, args[i], err)
			}
			for k := range v {
				keys[option] = append(keys[option], k)
			}
		}
	}
	for option := range keys {
		slices.Sort(keys[option])
		keys[option] = slices.Compact(keys[option])
	}
	return keys
}

func optionKeys(s string) []string {
	var keys []string
	for _, kv := range strings.Split(strings.ReplaceAll(s, ",,", "\x00"), ",") {
		key, _, _ := strings.Cut(kv, "=")
		keys = append(keys, key)
	}
	return keys
}

// FuzzBuild holds that no text of a user's becomes an option, a key or a file of its own: a machine with odd
// texts has the options and keys of the same machine with plain ones.
func FuzzBuild(f *testing.F) {
	f.Add("web", "root", "web-root", "S-1", "lan", "console=ttyS0 a,b=c", "cloud", "pc-q35-7.2", uuid)
	f.Add("a,debug-threads=off", `r","x":"`, "../x", "a,b", "l}{fd:qmp}", "{fd:disk-root}", "/etc/shadow", "pc-q35-7.2,accel=kvm", "-S")
	f.Add("web", "root", "v", "", "lan", "-S", "k", "q35", "")
	f.Fuzz(func(t *testing.T, name, diskName, volume, serialNumber, nicName, cmdline, kernelName, machineType, id string) {
		build := func(name, diskName, volume, serialNumber, nicName, cmdline, kernelName, id string) (Machine, error) {
			in := input(vm.Spec{
				Boot:  &vm.Boot{Kernel: kernelName, Initrd: kernelName, Cmdline: cmdline},
				Disks: map[string]vm.Disk{diskName: {Volume: volume, Serial: serialNumber, BootIndex: 1}},
				NICs:  map[string]vm.NIC{nicName: {}},
			})
			in.Name, in.Spec.UUID = name, id
			in.Volumes = map[string]Volume{diskName: {Format: storage.QCOW2}}
			in.QEMU.Machines = []host.Machine{{Name: machineType, Alias: "q35"}}
			return Build(in)
		}
		m, err := build(name, diskName, volume, serialNumber, nicName, cmdline, kernelName, id)
		if err != nil {
			return
		}
		plainSerial, plainCmdline := serialNumber, cmdline
		if serialNumber != "" {
			plainSerial = "S"
		}
		if cmdline != "" {
			plainCmdline = "quiet"
		}
		plain, err := build("web", "root", "v", plainSerial, "lan", plainCmdline, "k", uuid)
		if err != nil {
			t.Fatal(err)
		}
		got, want := readBack(t, m.Args), readBack(t, plain.Args)
		for option := range shapes {
			if !slices.Equal(got[option], want[option]) {
				t.Fatalf("%s has keys %q, not %q", option, got[option], want[option])
			}
		}
		checkTokens(t, m)
	})
}

// checkTokens holds that the tokens in the arguments are just the files and sockets of the machine.
func checkTokens(t *testing.T, m Machine) {
	t.Helper()
	var known, used []string
	for _, f := range m.Files {
		if f.Kind != Stderr {
			known = append(known, f.Name)
		}
	}
	known = append(known, m.Sockets...)
	for _, a := range m.Args {
		for _, rest := range strings.Split(a, tokenStart)[1:] {
			token, _, closed := strings.Cut(rest, "}")
			if !closed {
				t.Fatalf("open token in %q", a)
			}
			used = append(used, token)
		}
	}
	slices.Sort(known)
	slices.Sort(used)
	if !slices.Equal(known, used) {
		t.Fatalf("files and sockets are %q, the arguments use %q", known, used)
	}
}

func TestEveryFileAndSocketIsUsedOnceAndNothingElseIs(t *testing.T) {
	for name, in := range machines() {
		m, err := Build(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		readBack(t, m.Args)
		checkTokens(t, m)
	}
}
