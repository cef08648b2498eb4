package vm

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// OS is what runs in the guest, as far as its devices follow from it.
type OS string

// The systems that defaults are known for. Source: Microsoft's requirements of Windows 10 and 11, and what their installers
// have drivers of; osinfo-db says the same of them.
const (
	Windows11 OS = "windows11"
	Windows10 OS = "windows10"
	Linux     OS = "linux"
	Debian12  OS = "debian12"
	FreeBSD   OS = "freebsd"
	OtherOS   OS = "other" // devices that nearly every system has a driver of
)

// What a machine's clock shows.
const (
	ClockUTC   = "utc"
	ClockLocal = "localtime"
)

// osDefaults is what a system wants where its owner says nothing.
type osDefaults struct {
	cpus        int
	memory      model.Bytes
	firmware    Firmware
	secure, tpm bool
	screen      bool
	clock       string
	hyperv      bool // Hyper-V's enlightenments: a Windows guest asks for time and interrupts without leaving the vCPU
	bus, nic    string
	sound       Sound
	usb         bool // a controller for sticks that come while it runs
}

var oses = map[OS]osDefaults{
	Windows11: {cpus: 2, memory: 4 * model.GiB, firmware: UEFI, secure: true, tpm: true, screen: true, clock: ClockLocal, hyperv: true, bus: BusSATA, nic: NICE1000E, sound: SoundICH9, usb: true},
	Windows10: {cpus: 2, memory: 4 * model.GiB, firmware: UEFI, screen: true, clock: ClockLocal, hyperv: true, bus: BusSATA, nic: NICE1000E, sound: SoundICH9, usb: true},
	Linux:     {},
	Debian12:  {memory: model.GiB},
	FreeBSD:   {memory: model.GiB},
	OtherOS:   {memory: model.GiB, screen: true, bus: BusSATA, nic: NICE1000E},
}

// OSes are the names of the systems, in order.
func OSes() []OS {
	var out []OS
	for os := range oses {
		out = append(out, os)
	}
	slices.Sort(out)
	return out
}

// system fills in what the guest's system wants. What its machine cannot have is left out: System says so.
func system(s *Spec, arch string, set func(path string, missing bool, fill func())) {
	d, known := oses[s.OS]
	if !known {
		return
	}
	x86 := arch != "aarch64"
	q35 := x86 && (s.Machine == "" || s.Machine == sataMachine)
	set("cpus", d.cpus > 0 && s.CPUs == 0 && s.CPU == nil, func() { s.CPUs = d.cpus })
	set("memory", d.memory > 0 && s.Memory == 0, func() { s.Memory = d.memory })
	set("firmware", d.firmware != "" && s.Firmware == "" && !s.BootsKernel(), func() { s.Firmware = d.firmware })
	set("secureBoot", d.secure && q35 && !s.SecureBoot && s.Firmware == UEFI, func() { s.SecureBoot = true })
	set("tpm", d.tpm && s.TPM == nil, func() { s.TPM = &TPM{} })
	set("graphics", d.screen && s.Graphics == nil, func() { s.Graphics = &Graphics{} })
	set("clock", d.clock != "" && s.Clock == "", func() { s.Clock = d.clock })
	set("hyperv", d.hyperv && x86 && s.HyperV == nil, func() { s.HyperV = yes() })
	set("sound", d.sound != "" && s.Sound == "", func() { s.Sound = d.sound })
	set("usbController", d.usb && s.USBController == nil, func() { s.USBController = yes() })
	room := MaxSATA
	for _, name := range sortedKeys(s.CDROMs) {
		v := s.CDROMs[name]
		set("cdroms."+name+".bus", d.bus == BusSATA && q35 && v.Bus == "" && room > 0, func() { v.Bus = d.bus; room-- })
		s.CDROMs[name] = v
	}
	for _, name := range sortedKeys(s.Disks) {
		v := s.Disks[name]
		set("disks."+name+".bus", d.bus == BusSATA && q35 && v.Bus == "" && room > 0, func() { v.Bus = d.bus; room-- })
		s.Disks[name] = v
	}
	for _, name := range sortedKeys(s.NICs) {
		v := s.NICs[name]
		set("nics."+name+".model", d.nic != "" && v.Model == "", func() { v.Model = d.nic })
		s.NICs[name] = v
	}
}

// Follows are the fields that are filled in because of what runs in the guest, with what they are.
func Follows(s Spec, arch string) []string {
	out := s.Clone()
	paths := []string{}
	system(&out, cmp.Or(s.Arch, arch), func(path string, missing bool, fill func()) {
		if missing {
			fill()
			paths = append(paths, path)
		}
	})
	d := oses[s.OS]
	for i, path := range paths {
		words := map[string]string{
			"cpus": strconv.Itoa(d.cpus), "memory": d.memory.String(), "firmware": string(d.firmware), "secureBoot": "true", "tpm": "2.0",
			"graphics": "a screen with keyboard and tablet", "clock": d.clock, "hyperv": "true", "sound": string(d.sound), "usbController": "true",
		}[path]
		if words == "" {
			words = d.bus
			if strings.HasPrefix(path, "nics.") {
				words = d.nic
			}
		}
		paths[i] = path + " = " + words
	}
	return paths
}

// Lacks says what the guest's system will miss of a spec that has its defaults filled in. It may run all the same.
func (s Spec) Lacks() []Problem {
	d := oses[s.OS]
	var out []Problem
	say := func(path, hint, what string) { out = append(out, Problem{Path: path, What: what, Hint: hint}) }
	if d.tpm && s.TPM == nil {
		say("tpm", "tpm = {}", "no TPM 2.0")
	}
	if d.secure && !s.SecureBoot {
		say("secureBoot", `firmware = "uefi" on machine q35`, "no Secure Boot")
	}
	if s.CPUs > 0 && s.CPUs < d.cpus {
		say("cpus", "cpus = 2", "fewer than 2 vCPUs")
	}
	if s.OS == Windows11 && s.Memory > 0 && s.Memory < d.memory {
		say("memory", `memory = "4GiB"`, "less memory than 4GiB")
	}
	return out
}

func (c *check) system(s Spec) {
	if _, known := oses[s.OS]; !known && s.OS != "" {
		var names []string
		for _, os := range OSes() {
			names = append(names, string(os))
		}
		c.oneOf("os", string(s.OS), names...)
	}
	c.oneOf("clock", s.Clock, ClockUTC, ClockLocal)
}
