// Package cloudinit makes what a guest with cloud-init is told at its first boot, for the data source NoCloud: user data,
// vendor data, meta data and the network, of a VM's words.
//
// What lives here: the making, the check against the schemas that cloud-init publishes, and how it is shown without its
// secrets. It is pure. What does not: the small disk on which the guest finds it (internal/guest/seed).
// Source: https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
package cloudinit

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The names of the files, as NoCloud has them.
const (
	MetaData      = "meta-data"
	UserData      = "user-data"
	VendorData    = "vendor-data"
	NetworkConfig = "network-config"
)

// cloudConfig is the first line of user data that is a mapping.
const cloudConfig = "#cloud-config"

// Files are what a VM's guest is told, by the names of files. name is the VM's.
func Files(name, uuid string, c vm.CloudInit) (map[string][]byte, error) {
	host := c.Hostname
	if host == "" {
		host = name
	}
	meta, err := yaml(struct {
		Instance string `json:"instance-id"`
		Hostname string `json:"local-hostname"`
	}{InstanceID(uuid, c.Instance), host})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{MetaData: meta, UserData: []byte(c.UserData)}
	if c.UserData == "" {
		made, err := yaml(config(host, c))
		if err != nil {
			return nil, err
		}
		files[UserData] = append([]byte(cloudConfig+"\n"), made...)
	}
	if c.VendorData != "" {
		files[VendorData] = []byte(c.VendorData)
	} else if files[VendorData], err = renewal(); err != nil {
		return nil, err
	}
	if c.NetworkConfig != "" {
		files[NetworkConfig] = []byte(c.NetworkConfig)
	}
	return files, nil
}

// InstanceID is by what a guest knows whether it is the one that was configured: a clone has another UUID.
func InstanceID(uuid string, instance int) string {
	if instance == 0 {
		return uuid
	}
	return fmt.Sprintf("%s-%d", uuid, instance)
}

// The part of cloud-config that is made here.
type (
	userConfig struct {
		Hostname       string   `json:"hostname"`
		ManageHosts    any      `json:"manage_etc_hosts"`
		Users          []any    `json:"users,omitempty"`
		Keys           []string `json:"ssh_authorized_keys,omitempty"`
		UpdatePackages bool     `json:"package_update,omitempty"`
		Packages       []string `json:"packages,omitempty"`
		Runcmd         []string `json:"runcmd,omitempty"`
	}
	account struct {
		Name   string   `json:"name"`
		Shell  string   `json:"shell"`
		Sudo   string   `json:"sudo"`
		Lock   bool     `json:"lock_passwd"`
		Passwd string   `json:"passwd,omitempty"`
		Keys   []string `json:"ssh_authorized_keys,omitempty"`
	}
)

// config is the cloud-config of the words that are not by hand.
func config(host string, c vm.CloudInit) userConfig {
	out := userConfig{Hostname: host, ManageHosts: "localhost", Packages: c.Packages, UpdatePackages: len(c.Packages) > 0, Runcmd: c.Runcmd}
	if c.User == "" {
		out.Keys = c.SSHKeys
		return out
	}
	out.Users = []any{account{
		Name: c.User, Shell: "/bin/bash", Sudo: "ALL=(ALL) NOPASSWD:ALL", Lock: c.PasswordHash == "", Passwd: c.PasswordHash, Keys: c.SSHKeys,
	}}
	return out
}

// yaml writes a value of ours. JSON would do for cloud-init; people read this too.
func yaml(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err == nil {
		text, err = tree.YAMLFromJSON(text)
	}
	if err != nil {
		return nil, fault.New(fault.Internal, "what the guest is told cannot be written").Because(err)
	}
	return text, nil
}

// Shown are files without their secrets. Of user data and vendor data by hand it is the first line, for nobody knows where in
// them a secret stands; in what is made here, and in the network, it is all but what is named like one.
func Shown(files map[string][]byte, c vm.CloudInit) map[string][]byte {
	out := map[string][]byte{}
	for name, text := range files {
		switch {
		case name == UserData && c.UserData != "", name == VendorData && c.VendorData != "":
			out[name] = firstLine(string(text))
		case name == UserData:
			out[name] = append([]byte(cloudConfig+"\n"), shown(name, text)...)
		case name == NetworkConfig:
			out[name] = shown(name, text)
		default:
			out[name] = text
		}
	}
	return out
}

// firstLine says what a text is. One of which it does not may be a secret as a whole.
func firstLine(text string) []byte {
	if !isConfig(text) && !begins(text) {
		return []byte(vm.Hidden + "\n")
	}
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(rest) == "" {
		return []byte(text)
	}
	return []byte(first + "\n" + vm.Hidden + "\n")
}

// shown is a mapping without what is named like a secret; nothing where it is none.
func shown(name string, text []byte) []byte {
	root, found := tree.ReadYAML(name, string(text))
	if len(found) > 0 {
		return []byte(vm.Hidden + "\n")
	}
	made, err := yaml(masked("", plain(root, false)))
	if err != nil {
		return []byte(vm.Hidden + "\n")
	}
	return made
}

// secretWords are in the names of keys whose values are not shown.
var secretWords = []string{"passw", "passphrase", "secret", "token", "private", "ssh_keys", "chpasswd", "content", "credential", "activation", "psk", "shared"}

// open are keys that are named like a secret, and are none.
var open = map[string]bool{"lock_passwd": true, "lock-passwd": true, "ssh_pwauth": true}

func masked(key string, v any) any {
	for _, word := range secretWords {
		if strings.Contains(strings.ToLower(key), word) && !open[key] {
			return vm.Hidden
		}
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = masked(k, e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = masked("", e)
		}
		return out
	}
	return v
}

func isConfig(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimRight(first, " \t\r") == cloudConfig
}
