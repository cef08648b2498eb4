package vm

import (
	"fmt"
	"regexp"
	"strings"
)

// CloudInit is what a guest with cloud-init makes of itself at its first boot. It is handed to the guest on a small
// read-only disk of its own (NoCloud).
type CloudInit struct {
	Hostname     string   `json:"hostname,omitempty"`     // the VM's name when absent
	User         string   `json:"user,omitempty"`         // an account that may become root; the image's own when absent
	SSHKeys      []string `json:"sshKeys,omitempty"`      // public keys of that account, as in authorized_keys
	PasswordHash string   `json:"passwordHash,omitempty"` // its password, as crypt(5) makes it: $6$…; a secret
	Packages     []string `json:"packages,omitempty"`     // to be installed
	Runcmd       []string `json:"runcmd,omitempty"`       // lines for sh, at the end of the first boot

	UserData      string `json:"userData,omitempty"`      // all of it by hand: #cloud-config, a script, or MIME; counts as a secret
	VendorData    string `json:"vendorData,omitempty"`    // the same, which user data overrides; counts as a secret
	NetworkConfig string `json:"networkConfig,omitempty"` // YAML or JSON, version 2; DHCP on all cards when absent; counts as a secret: 802.1X and Wi-Fi have passwords

	// Instance is counted up to have the guest configure itself anew at its next boot.
	Instance int `json:"instance,omitempty"`
	// Unchecked lets through what cloud-init's own schema refuses: an image may have a newer one.
	Unchecked bool `json:"unchecked,omitempty"`
}

// Limits of cloud-init's words.
const (
	MaxUserData = 64 << 10
	MaxSSHKeys  = 64
	MaxPackages = 256
	MaxRuncmd   = 256
)

// SecretFields are the members of a CloudInit that are kept and shown as secrets.
var SecretFields = []string{"passwordHash", "userData", "vendorData", "networkConfig"}

// Hidden stands for a secret where it is shown.
const Hidden = "(hidden)"

var (
	userShape    = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	keyShape     = regexp.MustCompile(`^(ssh-[a-z0-9-]+|ecdsa-[a-z0-9-]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( [^\x00-\x1f\x7f]*)?$`)
	hashShape    = regexp.MustCompile(`^\$[0-9a-z]{1,8}\$[\x21-\x7e]{8,500}$`)
	packageShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+:~=/_-]{0,127}$`)
	hostShape    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)
)

func (c *CloudInit) clone() *CloudInit {
	if c == nil {
		return nil
	}
	out := *c
	out.SSHKeys, out.Packages, out.Runcmd = append([]string(nil), c.SSHKeys...), append([]string(nil), c.Packages...), append([]string(nil), c.Runcmd...)
	return &out
}

// Shown returns a spec with its secrets hidden. s itself is not changed.
func (s Spec) Shown() Spec {
	if s.CloudInit == nil {
		return s
	}
	c := s.CloudInit.clone()
	for _, secret := range []*string{&c.PasswordHash, &c.UserData, &c.VendorData, &c.NetworkConfig} {
		if *secret != "" {
			*secret = Hidden
		}
	}
	s.CloudInit = c
	return s
}

func (c *check) cloudInit(in *CloudInit) {
	if in == nil {
		return
	}
	shape := func(path, value string, want *regexp.Regexp, hint string) {
		if value != "" && !want.MatchString(value) {
			c.say("cloudInit."+path, hint, "is not of the form that is wanted")
		}
	}
	if len(in.Hostname) > 253 {
		c.say("cloudInit.hostname", "", "more than 253 letters")
	}
	shape("hostname", in.Hostname, hostShape, "letters, digits and - in parts of at most 63, with . between them")
	shape("user", in.User, userShape, "a-z, 0-9, _ and -, at most 32")
	for _, l := range []struct {
		path string
		have []string
		most int
		want *regexp.Regexp
		hint string
	}{
		{"sshKeys", in.SSHKeys, MaxSSHKeys, keyShape, "a line of an authorized_keys without options: ssh-ed25519 AAAA… name"},
		{"packages", in.Packages, MaxPackages, packageShape, "the name of a package, with =VERSION where one is wanted"},
		{"runcmd", in.Runcmd, MaxRuncmd, nil, ""},
	} {
		if len(l.have) > l.most {
			c.say("cloudInit."+l.path, "", "%d are more than %d", len(l.have), l.most)
		}
		for i, v := range l.have {
			if l.want != nil && !l.want.MatchString(v) {
				c.say(fmt.Sprintf("cloudInit.%s[%d]", l.path, i), l.hint, "is not of the form that is wanted")
			}
		}
	}
	c.cloudInitSecrets(in, shape)
	for path, text := range map[string]string{"userData": in.UserData, "vendorData": in.VendorData, "networkConfig": in.NetworkConfig, "runcmd": strings.Join(in.Runcmd, "\n")} {
		if len(text) > MaxUserData {
			c.say("cloudInit."+path, "have the guest fetch what is large", "%d bytes are more than %d", len(text), MaxUserData)
		}
	}
	if in.Instance < 0 {
		c.say("cloudInit.instance", "", "%d is less than 0", in.Instance)
	}
}

func (c *check) cloudInitSecrets(in *CloudInit, shape func(path, value string, want *regexp.Regexp, hint string)) {
	for path, value := range map[string]string{"passwordHash": in.PasswordHash, "userData": in.UserData, "vendorData": in.VendorData, "networkConfig": in.NetworkConfig} {
		if value == Hidden {
			c.say("cloudInit."+path, "give it as it is to be, or leave it out of an edit", "%s stands for a secret that was not shown", Hidden)
		}
	}
	if in.PasswordHash != Hidden {
		shape("passwordHash", in.PasswordHash, hashShape, "the hash of a password, as mkpasswd -m sha512crypt prints it")
	}
	if in.PasswordHash != "" && in.User == "" {
		c.say("cloudInit.user", "name the user whose password it is", "cloudInit.passwordHash needs a user")
	}
	if in.UserData != "" && (in.User != "" || len(in.SSHKeys)+len(in.Packages)+len(in.Runcmd) > 0) {
		c.say("cloudInit.userData", "put all of it into userData, or none", "userData is all that the guest is told: user, sshKeys, packages and runcmd beside it are not read")
	}
}
