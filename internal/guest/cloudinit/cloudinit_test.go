package cloudinit

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

const (
	uuid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"
	hash = "$6$rounds=5000$saltsalt$abcdefghijklmnop"
	key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me@home"
)

func make1(t *testing.T, c vm.CloudInit) map[string]string {
	t.Helper()
	files, err := Files("web", uuid, c)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, text := range files {
		out[name] = string(text)
	}
	return out
}

func TestWordsBecomeWhatCloudInitReads(t *testing.T) {
	c := vm.CloudInit{User: "me", SSHKeys: []string{key}, PasswordHash: hash, Packages: []string{"nginx"}, Runcmd: []string{"echo yes > /etc/x"}}
	got := make1(t, c)
	if got[MetaData] != "instance-id: \""+uuid+"\"\nlocal-hostname: web\n" {
		t.Errorf("meta-data is\n%s", got[MetaData])
	}
	for _, part := range []string{
		"#cloud-config\n", "hostname: web\n", "name: me", "lock_passwd: false", "passwd: \"" + hash + "\"", key, "- nginx", "package_update: true", "echo yes > /etc/x", "NOPASSWD:ALL",
	} {
		if !strings.Contains(got[UserData], part) {
			t.Errorf("user-data lacks %q:\n%s", part, got[UserData])
		}
	}
	if found := Check("web", &c); len(found) > 0 {
		t.Errorf("cloud-init's schema refuses what is made: %v", found)
	}
	if again := make1(t, vm.CloudInit{Instance: 2, Hostname: "other"}); again[MetaData] != "instance-id: \""+uuid+"-2\"\nlocal-hostname: other\n" {
		t.Errorf("counted up: %s", again[MetaData])
	}
}

func TestWhatCloudInitWouldNotTakeIsSaidWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		in   vm.CloudInit
		want string
	}{
		"a list for a text":     {vm.CloudInit{UserData: "#cloud-config\npackages: nginx\n"}, "cloudInit.userData: packages: got string, want array"},
		"an unknown key":        {vm.CloudInit{UserData: "#cloud-config\npackagse: [nginx]\n"}, "'packagse' not allowed"},
		"no YAML":               {vm.CloudInit{UserData: "#cloud-config\na: [\n"}, "cloudInit.userData: line "},
		"no first line":         {vm.CloudInit{UserData: "packages: [nginx]\n"}, "its first line says nothing"},
		"vendor data":           {vm.CloudInit{VendorData: "#cloud-config\nruncmd: 5\n"}, "cloudInit.vendorData: runcmd"},
		"a network":             {vm.CloudInit{NetworkConfig: "version: 2\nethernets: {all: {dhcp4: maybe}}\n"}, "cloudInit.networkConfig: "},
		"a network of no kind":  {vm.CloudInit{NetworkConfig: "ethernets: {}\n"}, "version"},
		"a network below a key": {vm.CloudInit{NetworkConfig: "network: {version: 2, ethernets: 7}\n"}, "cloudInit.networkConfig: "},
	} {
		t.Run(name, func(t *testing.T) {
			found := Check("web", &c.in)
			if !found.Refuses() {
				t.Fatalf("it passes: %v", found)
			}
			var all strings.Builder
			for _, f := range found {
				all.WriteString(f.What + "\n")
			}
			if !strings.Contains(all.String(), c.want) {
				t.Errorf("%s", all.String())
			}
			c.in.Unchecked = true
			if found := Check("web", &c.in); name != "no first line" && (found.Refuses() || len(found) == 0) {
				t.Errorf("unchecked: %v", found)
			}
		})
	}
	for name, good := range map[string]vm.CloudInit{
		"YAML 1.1":  {UserData: "#cloud-config\npackage_update: yes\nssh_pwauth: no\n"},
		"a script":  {UserData: "#!/bin/sh\necho hello\n"},
		"a network": {NetworkConfig: "version: 2\nethernets:\n  lan:\n    match: {macaddress: '52:54:00:12:34:56'}\n    addresses: [10.0.0.5/24]\n    nameservers: {addresses: [9.9.9.9]}\n"},
		"nothing":   {},
	} {
		if found := Check("web", &good); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, c := range []vm.CloudInit{
		{User: "me", PasswordHash: hash},
		{UserData: "#cloud-config\nchpasswd: {users: [{name: me, password: " + hash + "}]}\nusers: [{name: me, passwd: " + hash + "}]\n"},
		{UserData: "#cloud-config\nwrite_files: [{path: /etc/key, content: " + hash + "}]\n"},
		{UserData: "#!/bin/sh\necho " + hash + "\n"},
		{UserData: "#cloud-config\n{ broken: " + hash},
		{UserData: "#cloud-config\nusers: [{name: me, hashed_word: " + hash + "}]\n"},
		{UserData: "#cloud-config\nruncmd: [ 'join " + hash + "' ]\n"},
		{UserData: hash, Unchecked: true},
		{VendorData: "#cloud-config\nssh_keys: {rsa_private: " + hash + "}\n"},
		{VendorData: "#cloud-config\nbootcmd: [ 'join " + hash + "' ]\n"},
		{NetworkConfig: "version: 2\nethernets: {lan: {match: {name: e*}, auth: {key-management: 802.1x, password: \"" + hash + "\"}}}\n", Unchecked: true},
	} {
		files, err := Files("web", uuid, c)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range Shown(files, c) {
			if strings.Contains(string(text), hash) {
				t.Errorf("%s shows it:\n%s", name, text)
			}
		}
		spec := vm.Spec{CloudInit: &c}.Shown()
		if s := spec.CloudInit; s.PasswordHash+s.UserData+s.VendorData+s.NetworkConfig != vm.Hidden {
			t.Errorf("the spec shows %+v", s)
		}
	}
	for name, c := range map[string]struct {
		of   vm.CloudInit
		file string
		want string
	}{
		"made here":        {vm.CloudInit{User: "me", Runcmd: []string{"true"}}, UserData, "lock_passwd: true"},
		"a script by hand": {vm.CloudInit{UserData: "#!/bin/sh\ntrue\n"}, UserData, "#!/bin/sh\n" + vm.Hidden + "\n"},
		"only its kind":    {vm.CloudInit{UserData: "#cloud-config\n"}, UserData, "#cloud-config\n"},
		"a network": {
			vm.CloudInit{NetworkConfig: "version: 2\nwifis: {w: {dhcp4: true, access-points: {home: {password: open}}}}\n"}, NetworkConfig, "dhcp4: true",
		},
		"its secret": {
			vm.CloudInit{NetworkConfig: "version: 2\nwifis: {w: {access-points: {home: {password: open}}}}\n"}, NetworkConfig, vm.Hidden,
		},
		"no network": {vm.CloudInit{NetworkConfig: "{ broken: open"}, NetworkConfig, vm.Hidden + "\n"},
		"meta data":  {vm.CloudInit{}, MetaData, "local-hostname: web"},
	} {
		files, err := Files("web", uuid, c.of)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(Shown(files, c.of)[c.file]); !strings.Contains(got, c.want) || strings.Contains(got, "open") {
			t.Errorf("%s is shown as\n%s", name, got)
		}
	}
}

func FuzzCloudInit(f *testing.F) {
	f.Add("#cloud-config\npackages: [nginx]\n", "version: 2\n", "web")
	f.Add("#!/bin/sh\n", "network: {version: 2, ethernets: {a: {dhcp4: yes}}}", "a: b")
	f.Add("#cloud-config\n&a [*a]", "{", "\"\n")
	f.Fuzz(func(t *testing.T, user, network, line string) {
		c := vm.CloudInit{UserData: user, NetworkConfig: network}
		_ = Check("web", &c)
		if files, err := Files("web", uuid, c); err == nil {
			_ = Shown(files, c)
		}
		made := vm.CloudInit{User: "me", Runcmd: []string{line}}
		if strings.ToValidUTF8(line, "") != line {
			return
		}
		if found := Check("web", &made); len(found) > 0 { // whatever a line holds, it is one string
			t.Errorf("%q: %v", line, found)
		}
	})
}
