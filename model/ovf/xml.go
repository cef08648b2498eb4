package ovf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// envelope is a descriptor as it is read. Names are read in any namespace: versions and vendors differ in them.
type envelope struct {
	XMLName xml.Name `xml:"Envelope"`
	Files   []struct {
		ID          string `xml:"id,attr"`
		Href        string `xml:"href,attr"`
		Compression string `xml:"compression,attr"`
		Chunk       string `xml:"chunkSize,attr"`
	} `xml:"References>File"`
	Disks []struct {
		ID       string `xml:"diskId,attr"`
		File     string `xml:"fileRef,attr"`
		Capacity string `xml:"capacity,attr"`
		Units    string `xml:"capacityAllocationUnits,attr"`
		Parent   string `xml:"parentRef,attr"`
	} `xml:"DiskSection>Disk"`
	Default []struct {
		ID      string `xml:"id,attr"`
		Default bool   `xml:"default,attr"`
	} `xml:"DeploymentOptionSection>Configuration"`
	Systems     []system   `xml:"VirtualSystem"`
	Collections []struct{} `xml:"VirtualSystemCollection"`
}

type system struct {
	ID   string `xml:"id,attr"`
	Name string `xml:"Name"`
	OS   struct {
		Description string `xml:"Description"`
		Type        string `xml:"osType,attr"`
	} `xml:"OperatingSystemSection"`
	Hardware []hardware `xml:"VirtualHardwareSection"`
	Products []struct {
		Properties []struct{} `xml:"Property"`
	} `xml:"ProductSection"`
	Box struct { // vbox:Machine
		Firmware struct {
			Type string `xml:"type,attr"`
		} `xml:"Hardware>Firmware"`
	} `xml:"Machine"`
}

type hardware struct {
	Items   []item `xml:"Item"`
	Storage []item `xml:"StorageItem"`      // OVF 2
	Ports   []item `xml:"EthernetPortItem"` // OVF 2
	Configs []struct {
		Key   string `xml:"key,attr"`
		Value string `xml:"value,attr"`
	} `xml:"Config"`
}

// item is a resource of the machine.
type item struct {
	Bound         string   `xml:"bound,attr"`
	Configuration string   `xml:"configuration,attr"`
	Type          string   `xml:"ResourceType"`
	SubType       string   `xml:"ResourceSubType"`
	Instance      string   `xml:"InstanceID"`
	Parent        string   `xml:"Parent"`
	Address       string   `xml:"AddressOnParent"`
	Quantity      string   `xml:"VirtualQuantity"`
	Units         string   `xml:"AllocationUnits"`
	Host          []string `xml:"HostResource"`
	Connection    []string `xml:"Connection"`
	Element       string   `xml:"ElementName"`
	Cores         string   `xml:"CoresPerSocket"`
}

func badDescriptor(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, format, args...).WithCode(CodeDescriptor)
}

// decode reads the XML of a descriptor. It has no document type, and so no entity but those of XML itself, and it is as deep
// as any descriptor may be.
func decode(text []byte) (e envelope, err error) {
	if len(text) > MaxDescriptor {
		return e, badDescriptor("the OVF descriptor is longer than %d bytes", MaxDescriptor)
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	for depth := 0; ; {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return e, badDescriptor("the OVF descriptor is no XML").Because(err)
		}
		switch t.(type) {
		case xml.Directive:
			return e, badDescriptor("the OVF descriptor has a document type, and with it entities that are elsewhere")
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return e, badDescriptor("the OVF descriptor is nested deeper than %d", maxDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
	if err := xml.Unmarshal(text, &e); err != nil {
		return e, badDescriptor("this is no OVF descriptor").Because(err)
	}
	return e, nil
}
