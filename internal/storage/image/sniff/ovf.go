package sniff

import (
	"bytes"
	"encoding/xml"
	"math"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
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
		o.Disks = append(o.Disks, OVFDisk{File: href, Capacity: quantity(disk.Capacity, disk.Units, 1)})
	}
	for _, s := range e.Systems {
		o.Name, o.OS = cut(first(s.Name, s.ID)), cut(s.OS.Description)
		for _, i := range s.Items {
			switch i.Type {
			case ovfProcessor:
				o.CPUs = int(min(quantity(i.Quantity, "", 1), 4096))
			case ovfMemory:
				o.Memory = quantity(i.Quantity, i.Units, model.MiB)
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

// quantity is a number in units as DSP0004 writes them: "byte * 2^20". Without units it is in those of other.
func quantity(number, units string, other model.Bytes) model.Bytes {
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	by := int64(other)
	units = strings.ToLower(strings.ReplaceAll(units, " ", ""))
	if power, ok := strings.CutPrefix(units, "byte*2^"); ok {
		p, err := strconv.Atoi(power)
		if err != nil || p < 0 || p > 50 {
			return 0
		}
		by = 1 << p
	} else if known, ok := map[string]int64{"byte": 1, "bytes": 1, "kilobytes": 1 << 10, "megabytes": 1 << 20, "gigabytes": 1 << 30}[units]; ok {
		by = known
	}
	if n > math.MaxInt64/by {
		return 0
	}
	return model.Bytes(n * by)
}
