package helper

import "github.com/hyper-nixos/hyper-nixos/internal/privilege"

const probeVerb = "kvm-probe"

type kvmVerdict struct{}

func (kvmVerdict) ask(*Helper) privilege.KVMReply { return privilege.KVMReply{} }
func probe([]string) int                          { return 1 }
