package ovf

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Content is one disk of what is exported: the file in which it is.
type Content struct {
	Device   string
	File     string
	Size     int64 // of the file
	Capacity model.Bytes
}

const (
	nsOVF  = "http://schemas.dmtf.org/ovf/envelope/1"
	nsRASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
	nsVSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
	nsVMW  = "http://www.vmware.com/schema/ovf"
	nsHV   = "urn:hyper-nixos:ovf:1"
	// streamed is the format of the disks.
	streamed = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
)

type outEnvelope struct {
	XMLName xml.Name `xml:"Envelope"`
	NS      string   `xml:"xmlns,attr"`
	OVF     string   `xml:"xmlns:ovf,attr"`
	RASD    string   `xml:"xmlns:rasd,attr"`
	VSSD    string   `xml:"xmlns:vssd,attr"`
	VMW     string   `xml:"xmlns:vmw,attr"`
	HV      string   `xml:"xmlns:hv,attr"`

	Files    []outFile `xml:"References>File"`
	Disks    outDisks  `xml:"DiskSection"`
	Networks *outNets  `xml:"NetworkSection"`
	System   outSystem `xml:"VirtualSystem"`
}

type outFile struct {
	ID   string `xml:"ovf:id,attr"`
	Href string `xml:"ovf:href,attr"`
	Size int64  `xml:"ovf:size,attr"`
}

type outDisks struct {
	Info  string    `xml:"Info"`
	Disks []outDisk `xml:"Disk"`
}

type outDisk struct {
	ID       string `xml:"ovf:diskId,attr"`
	File     string `xml:"ovf:fileRef,attr"`
	Capacity int64  `xml:"ovf:capacity,attr"`
	Units    string `xml:"ovf:capacityAllocationUnits,attr"`
	Format   string `xml:"ovf:format,attr"`
}

type outNets struct {
	Info     string   `xml:"Info"`
	Networks []outNet `xml:"Network"`
}

type outNet struct {
	Name        string `xml:"ovf:name,attr"`
	Description string `xml:"Description"`
}

type outSystem struct {
	ID   string `xml:"ovf:id,attr"`
	Info string `xml:"Info"`
	Name string `xml:"Name"`
	OS   struct {
		ID   int    `xml:"ovf:id,attr"`
		Info string `xml:"Info"`
	} `xml:"OperatingSystemSection"`
	Hardware struct {
		Info   string `xml:"Info"`
		System struct {
			Element  string `xml:"vssd:ElementName"`
			Instance int    `xml:"vssd:InstanceID"`
			Name     string `xml:"vssd:VirtualSystemIdentifier"`
			Type     string `xml:"vssd:VirtualSystemType"`
		} `xml:"System"`
		Items   []outItem   `xml:"Item"`
		Configs []outConfig `xml:"vmw:Config"`
		Ours    []ourConfig `xml:"hv:Config"`
	} `xml:"VirtualHardwareSection"`
}

// outItem has its elements in the order that the schema of CIM wants.
type outItem struct {
	Address     *int   `xml:"rasd:AddressOnParent"`
	Units       string `xml:"rasd:AllocationUnits,omitempty"`
	Automatic   string `xml:"rasd:AutomaticAllocation,omitempty"`
	Connection  string `xml:"rasd:Connection,omitempty"`
	Description string `xml:"rasd:Description,omitempty"`
	Element     string `xml:"rasd:ElementName"`
	Host        string `xml:"rasd:HostResource,omitempty"`
	Instance    int    `xml:"rasd:InstanceID"`
	Parent      int    `xml:"rasd:Parent,omitempty"`
	SubType     string `xml:"rasd:ResourceSubType,omitempty"`
	Type        int    `xml:"rasd:ResourceType"`
	Quantity    int64  `xml:"rasd:VirtualQuantity,omitempty"`
}

type outConfig struct {
	Required bool   `xml:"ovf:required,attr"`
	Key      string `xml:"vmw:key,attr"`
	Value    string `xml:"vmw:value,attr"`
}

type ourConfig struct {
	Required bool   `xml:"ovf:required,attr"`
	Key      string `xml:"hv:key,attr"`
	Value    string `xml:"hv:value,attr"`
}

// otherOS is "Other" of CIM_OperatingSystem: who imports it is asked, or looks.
const otherOS = 1

// Write writes the descriptor of a VM whose defaults are filled in. Disks are on SATA and cards are e1000e for others, which know
// no virtio; what they are here stands in configurations that nobody else needs to read.
func Write(name string, s vm.Spec, disks []Content) ([]byte, error) {
	e := outEnvelope{NS: nsOVF, OVF: nsOVF, RASD: nsRASD, VSSD: nsVSSD, VMW: nsVMW, HV: nsHV, Disks: outDisks{Info: "Virtual disks"}}
	e.System.ID, e.System.Name, e.System.Info = name, name, "A virtual machine"
	e.System.OS.ID, e.System.OS.Info = otherOS, "The guest's operating system"
	h := &e.System.Hardware
	h.Info = "Virtual hardware"
	h.System.Element, h.System.Name, h.System.Type = "Virtual hardware family", name, "vmx-14"
	h.Items = append(h.Items,
		outItem{Units: "hertz * 10^6", Description: "Number of virtual CPUs", Element: fmt.Sprintf("%d virtual CPU(s)", s.CPUs), Instance: 1, Type: typeCPU, Quantity: int64(s.CPUs)},
		outItem{Units: "byte * 2^20", Description: "Memory size", Element: fmt.Sprintf("%d MB of memory", s.Memory/model.MiB), Instance: 2, Type: typeMemory, Quantity: int64(s.Memory / model.MiB)})
	next := 3
	controller := 0
	for i, d := range disks {
		if i%vm.MaxSATA == 0 {
			controller = next
			at := i / vm.MaxSATA
			h.Items = append(h.Items, outItem{Address: &at, Description: "SATA Controller", Element: fmt.Sprintf("SATA Controller %d", at), Instance: next, SubType: "AHCI", Type: typeStorage})
			next++
		}
		id, at := strconv.Itoa(i+1), i%vm.MaxSATA
		e.Files = append(e.Files, outFile{"file" + id, d.File, d.Size})
		e.Disks.Disks = append(e.Disks.Disks, outDisk{"vmdisk" + id, "file" + id, int64(d.Capacity), "byte", streamed})
		h.Items = append(h.Items, outItem{Address: &at, Element: "Hard Disk " + id, Host: "ovf:/disk/vmdisk" + id, Instance: next, Parent: controller, Type: typeDisk})
		key := "hv.disk." + strconv.Itoa(next)
		bus := s.Disks[d.Device].Bus
		if bus == "" {
			bus = vm.BusVirtio
		}
		h.Ours = append(h.Ours, ourConfig{Key: key + ".name", Value: d.Device}, ourConfig{Key: key + ".bus", Value: bus})
		next++
	}
	if len(s.NICs) > 0 {
		e.Networks = &outNets{Info: "Logical networks", Networks: []outNet{{Name: vm.UserNetwork, Description: "out by NAT"}}}
	}
	for i, nic := range slices.Sorted(maps.Keys(s.NICs)) {
		at := 7 + i
		h.Items = append(h.Items, outItem{Address: &at, Automatic: "true", Connection: vm.UserNetwork, Element: fmt.Sprintf("Network adapter %d", i+1), Instance: next, SubType: "E1000", Type: typeEthernet})
		model := s.NICs[nic].Model
		if model == "" {
			model = vm.NICVirtio
		}
		key := "hv.nic." + strconv.Itoa(next)
		h.Ours = append(h.Ours, ourConfig{Key: key + ".name", Value: nic}, ourConfig{Key: key + ".model", Value: model})
		next++
	}
	if s.Firmware == vm.UEFI {
		h.Configs = append(h.Configs, outConfig{Key: "firmware", Value: "efi"})
		if s.SecureBoot {
			h.Configs = append(h.Configs, outConfig{Key: "bootOptions.efiSecureBootEnabled", Value: "true"})
		}
	}
	text, err := xml.MarshalIndent(e, "", "  ")
	return bytes.Join([][]byte{[]byte(`<?xml version="1.0" encoding="UTF-8"?>`), text, nil}, []byte("\n")), err
}
