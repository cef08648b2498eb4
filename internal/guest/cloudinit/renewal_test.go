package cloudinit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

const (
	oneUUID = "6d3f1375-3661-42cc-898f-a38dc4d88561"
	twoUUID = "86540b0b-880f-4731-aee6-65188c0c602a"
)

// The script is run on a folder that looks like a guest's root, with what it calls replaced.
func TestOnlyAGuestThatBeginsAsAnotherGetsAnotherMachineID(t *testing.T) {
	for what, one := range map[string]struct {
		is        string
		instances []string
		done      bool
		renewed   bool
	}{
		"a fresh image":           {oneUUID, []string{oneUUID}, false, false},
		"a clone":                 {twoUUID, []string{oneUUID, twoUUID}, false, true},
		"a clone's second boot":   {twoUUID, []string{oneUUID, twoUUID}, true, false},
		"configured anew":         {oneUUID + "-1", []string{oneUUID, oneUUID + "-1"}, false, false},
		"a clone of that":         {twoUUID, []string{oneUUID, oneUUID + "-1", twoUUID}, false, true},
		"nobody knows what it is": {"", []string{oneUUID}, false, false},
	} {
		t.Run(what, func(t *testing.T) {
			root := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			write("etc/machine-id", "old\n")
			write("var/lib/systemd/random-seed", "x")
			write("var/lib/cloud/data/instance-id", one.is+"\n")
			for _, i := range one.instances {
				write("var/lib/cloud/instances/"+i+"/x", "")
			}
			if one.done {
				write("var/lib/cloud/instance/sem/hyper_nixos_renewed", "")
			}
			write("bin/systemd-machine-id-setup", "#!/bin/sh\necho new > "+root+"/etc/machine-id\n")
			write("bin/systemctl", "#!/bin/sh\n")
			script := strings.NewReplacer(" /etc/", " "+root+"/etc/", "=/var/", "="+root+"/var/", " /var/", " "+root+"/var/").Replace(renew)
			cmd := exec.Command("sh", "-c", script)
			cmd.Env = []string{"PATH=" + root + "/bin:/usr/bin:/bin"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got, err := os.ReadFile(filepath.Join(root, "etc/machine-id"))
			if err != nil || strings.TrimSpace(string(got)) == "new" != one.renewed {
				t.Errorf("its machine-id is %q, %v", got, err)
			}
		})
	}
}

func TestVendorDataIsMadeWhereNoneIsByHand(t *testing.T) {
	made, err := Files("web", oneUUID, vm.CloudInit{})
	if err != nil {
		t.Fatal(err)
	}
	if text := string(made[VendorData]); !strings.HasPrefix(text, "#cloud-config\nbootcmd:") || string(Shown(made, vm.CloudInit{})[VendorData]) != text {
		t.Errorf("vendor data is\n%s", text)
	}
	hand := vm.CloudInit{VendorData: "#cloud-config\n{}\n"}
	if made, err = Files("web", oneUUID, hand); err != nil || string(made[VendorData]) != hand.VendorData {
		t.Errorf("vendor data by hand is %q, %v", made[VendorData], err)
	}
}
