package wire

import "github.com/hyper-nixos/hyper-nixos/model/vm"

// Environments are the development environments that a host offers.
type Environments struct {
	Environments []vm.Environment `json:"environments"`
}

// CreateEnvironment is the body of POST …/environments.
type CreateEnvironment struct {
	Name         string   `json:"name"`                   // of the VM
	Environment  string   `json:"environment"`            // "web"
	Volume       string   `json:"volume,omitempty"`       // that begins as its image
	Image        string   `json:"image,omitempty"`        // or this one, of which a volume is made with the VM
	InstanceType string   `json:"instanceType,omitempty"` // the environment's when absent
	User         string   `json:"user,omitempty"`         // the image's when absent
	SSHKeys      []string `json:"sshKeys,omitempty"`
}
