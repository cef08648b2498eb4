package vm

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// InstanceType is a size of VMs that has a name.
type InstanceType struct {
	Name   string      `json:"name"`
	CPUs   int         `json:"cpus"`
	Memory model.Bytes `json:"memory"`
	Disk   model.Bytes `json:"disk"` // of its first disk, at least
	What   string      `json:"what"` // what it is good for
}

var instanceTypes = []InstanceType{
	{"tiny", 1, 512 * model.MiB, 5 * model.GiB, "a name server, a small proxy"},
	{"small", 1, 1 * model.GiB, 10 * model.GiB, "one service"},
	{"medium", 2, 4 * model.GiB, 20 * model.GiB, "a web server with its database"},
	{"large", 4, 8 * model.GiB, 40 * model.GiB, "a database"},
	{"xlarge", 8, 16 * model.GiB, 80 * model.GiB, "builds, continuous integration"},
	{"2xlarge", 16, 32 * model.GiB, 160 * model.GiB, "many containers"},
	{"memory-large", 4, 32 * model.GiB, 40 * model.GiB, "caches, databases in memory"},
	{"compute-large", 8, 8 * model.GiB, 40 * model.GiB, "compilers, encoders"},
}

// InstanceTypes are all of them, the smallest first.
func InstanceTypes() []InstanceType { return slices.Clone(instanceTypes) }

// FindInstanceType returns the one of a name.
func FindInstanceType(name string) (InstanceType, error) {
	var names []string
	for _, t := range instanceTypes {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return InstanceType{}, fault.New(fault.NotFound, "there is no instance type %.40q", name).Try("%s", strings.Join(names, ", ")).WithCode("HV-IMG-025")
}
