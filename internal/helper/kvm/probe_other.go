//go:build !amd64

package kvm

import "errors"

// Supported says that no probe VM exists for this architecture yet.
const Supported = false

// Probe cannot be run here.
func Probe(string) error { return errors.New("no probe VM for this architecture") }
