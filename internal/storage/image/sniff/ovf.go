package sniff

import (
	"bytes"
	"encoding/xml"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
	appliance "github.com/hyper-nixos/hyper-nixos/model/ovf"
)

// Machine is what an OVF descriptor says of the virtual machine: 0 and "" where it says nothing.
type Machine struct {
	Name   string
	OS     string
	CPUs   int
	Memory model.Bytes
}

// OVF is what is read of a descriptor.
type OVF struct {
	Machine
	Disks []OVFDisk
}

// OVFDisk is a disk that has a file.
type OVFDisk struct {
	File     string // its name beside the descriptor
	Capacity model.Bytes
}

// envelope is a descriptor as it stands in XML. Names are read in any namespace: the versions differ in them.
// Source: DSP0243, Open Virtualization Format Specification.
type envelope struct {
	XMLName xml.Name `xml:"Envelope"`
	Files   []struct {
		ID   string `xml:"id,attr"`
		Href string `xml:"href,attr"`
	} `xml:"References>File"`
	Disks []struct {
		File     string `xml:"fileRef,attr"`
		Capacity string `xml:"capacity,attr"`
		Units    string `xml:"capacityAllocationUnits,attr"`
		Parent   string `xml:"parentRef,attr"`
	} `xml:"DiskSection>Disk"`
	Systems []struct {
		Name string `xml:"Name"`
		ID   string `xml:"id,attr"`
		OS   struct {
			Description string `xml:"Description"`
		} `xml:"OperatingSystemSection"`
		Items []struct {
			Type     int    `xml:"ResourceType"`
			Quantity string `xml:"VirtualQuantity"`
			Units    string `xml:"AllocationUnits"`
		} `xml:"VirtualHardwareSection>Item"`
	} `xml:"VirtualSystem"`
}

// Resource types of CIM_ResourceAllocationSettingData.
const (
	ovfProcessor = 3
	ovfMemory    = 4
)

// ReadOVF reads a descriptor of at most 1 MiB.
func ReadOVF(text []byte) (OVF, error) {
	var e envelope
	if len(text) > maxOVF {
		return OVF{}, refuse("has an OVF descriptor that is huge", "unpack it first")
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = true
	if err := d.Decode(&e); err != nil {
		return OVF{}, refuse("has an OVF descriptor that is no such XML", "unpack it first")
	}
	if len(e.Systems) > 1 {
		return OVF{}, refuse("has several machines in its OVF descriptor", "unpack it first")
	}
	var o OVF
	files := map[string]string{}
	for _, f := range e.Files {
		files[f.ID] = f.Href
	}
	for _, disk := range e.Disks {
		if disk.Parent != "" {
			return OVF{}, reaches("has a disk of differences to another one")
		}
		href, ok := files[disk.File]
		if disk.File == "" || !ok {
			continue // an empty disk
		}
		if strings.ContainsAny(href, "/\\:") {
			return OVF{}, reaches("has a disk that is elsewhere")
		}
		o.Disks = append(o.Disks, OVFDisk{File: href, Capacity: appliance.Quantity(disk.Capacity, disk.Units, 1)})
	}
	for _, s := range e.Systems {
		o.Name, o.OS = cut(first(s.Name, s.ID)), cut(s.OS.Description)
		for _, i := range s.Items {
			switch i.Type {
			case ovfProcessor:
				o.CPUs = int(min(appliance.Quantity(i.Quantity, "", 1), 4096))
			case ovfMemory:
				o.Memory = appliance.Quantity(i.Quantity, i.Units, model.MiB)
			}
		}
	}
	return o, nil
}

func first(a, b string) string {
	if a = strings.TrimSpace(a); a != "" {
		return a
	}
	return strings.TrimSpace(b)
}

func cut(s string) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "")
	return s[:min(len(s), 200)]
}
