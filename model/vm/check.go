package vm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Problem is one thing wrong with a definition, at a JSON path in it ("disks.root.volume").
type Problem struct {
	Path string
	What string
	Hint string
}

func (p Problem) Error() string { return p.Path + ": " + p.What }

var (
	uuidShape   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	macShape    = regexp.MustCompile(`^[0-9a-f]{2}(:[0-9a-f]{2}){5}$`)
	serialShape = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,20}$`)
)

// Check returns everything that is wrong with d whatever the host: shapes, ranges, what excludes
// each other. What a host lacks is asked elsewhere. Empty when d is well formed.
func Check(d Definition) []Problem {
	c := &check{}
	c.images(d)
	d, _ = d.Settled()
	c.err("name", model.CheckName("vm name", d.Name))
	for _, err := range model.CheckLabels(d.Labels) {
		c.err("labels", err)
	}
	c.scalars(d.Spec)
	c.cpu(d.Spec)
	c.watchdog(d.Watchdog)
	c.cdroms(d.Spec)
	c.graphics(d.Spec)
	c.tpm(d.Spec)
	c.system(d.Spec)
	c.buses(d.Spec)
	c.sound(d.Spec)
	c.bootOrder(d.Spec)
	c.shares(d.Spec)
	c.vsock(d.Spec)
	c.secureBoot(d.Spec)
	c.room(d.Spec)
	c.backing(d.Spec)
	c.pinning(d.Spec)
	c.boot(d.Spec)
	c.startup(d)
	c.snapshots(d.Snapshots)
	c.cloudInit(d.CloudInit)
	c.disks(d.Disks)
	c.ioThreads(d.Spec)
	c.nics(d.NICs)
	slices.SortStableFunc(c.found, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return c.found
}

type check struct{ found []Problem }

func (c *check) say(path, hint, format string, args ...any) {
	c.found = append(c.found, Problem{Path: path, What: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *check) err(path string, err error) {
	if err != nil {
		c.say(path, fault.HintOf(err), "%s", err)
	}
}

func (c *check) oneOf(path, value string, known ...string) {
	if value != "" && !slices.Contains(known, value) {
		c.say(path, "use "+strings.Join(known, " or "), "%.40q is none of %s", value, strings.Join(known, ", "))
	}
}

func (c *check) between(path string, value, high int) {
	if value != 0 && (value < 1 || value > high) {
		c.say(path, "", "%d is not between 1 and %d", value, high)
	}
}

func (c *check) scalars(s Spec) {
	if s.UUID != "" && !uuidShape.MatchString(s.UUID) {
		c.say("uuid", "leave it out and one is made", "%.60q is not a UUID in lower case", s.UUID)
	}
	if s.GenerationID != "" && !uuidShape.MatchString(s.GenerationID) {
		c.say("generationID", "leave it out and one is made", "%.60q is not a UUID in lower case", s.GenerationID)
	}
	c.oneOf("power", string(s.Power), string(On), string(Off), string(Paused), string(Suspended))
	c.oneOf("arch", s.Arch, "x86_64", "aarch64")
	c.oneOf("machine", s.Machine, "q35", "pc", "virt")
	c.oneOf("accelerator", string(s.Accelerator), string(Auto), string(KVM), string(TCG))
	c.oneOf("firmware", string(s.Firmware), string(BIOS), string(UEFI), string(Kernel))
	c.oneOf("onPowerOff", string(s.OnPowerOff), string(AfterStop), string(AfterRestart))
	c.oneOf("onReboot", string(s.OnReboot), string(AfterRestart), string(AfterStop))
	c.oneOf("onCrash", string(s.OnCrash), string(AfterStop), string(AfterRestart), string(AfterPreserve))
	c.between("cpus", s.CPUs, MaxCPUs)
	c.between("stopTimeout", s.StopTimeout, MaxStopSecond)
	if s.Memory != 0 && (s.Memory < MinMemory || s.Memory > MaxMemory) {
		c.say("memory", "", "%s is not between %s and %s", s.Memory, MinMemory, MaxMemory)
	} else if s.Memory%model.MiB != 0 {
		c.say("memory", "", "%s is not a multiple of 1MiB", s.Memory)
	}
	if len(s.Description) > 1024 {
		c.say("description", "", "%d bytes are more than 1024", len(s.Description))
	}
	if s.Arch == "aarch64" && (s.Machine == "q35" || s.Machine == "pc") || s.Arch == "x86_64" && s.Machine == "virt" {
		c.say("machine", "leave machine out", "arch %q has no machine %q", s.Arch, s.Machine)
	}
}

func (c *check) boot(s Spec) {
	if s.Firmware == Kernel && !s.BootsKernel() {
		c.say("boot", "add boot.kernel, or use firmware bios", `firmware "kernel" needs boot.kernel`)
	}
	if !s.BootsKernel() {
		if s.Boot != nil && (s.Boot.Initrd != "" || s.Boot.Cmdline != "") {
			c.say("boot.kernel", "add boot.kernel", "initrd and cmdline are of a kernel, and none is named")
		}
		return
	}
	if s.Firmware == BIOS {
		c.say("boot", `use firmware "kernel" or "uefi", or leave boot out`, `firmware "bios" boots from disks and reads no boot.kernel`)
	}
	c.err("boot.kernel", model.CheckName("boot file", s.Boot.Kernel))
	if s.Boot.Initrd != "" {
		c.err("boot.initrd", model.CheckName("boot file", s.Boot.Initrd))
	}
	if len(s.Boot.Cmdline) > MaxCmdline {
		c.say("boot.cmdline", "", "%d bytes are more than %d", len(s.Boot.Cmdline), MaxCmdline)
	}
	if strings.ContainsFunc(s.Boot.Cmdline, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		c.say("boot.cmdline", "", "has a control character")
	}
}

func (c *check) startup(d Definition) {
	if d.Startup == nil {
		return
	}
	s := *d.Startup
	c.between("startup.order", s.Order, MaxOrder)
	c.between("startup.delay", s.Delay, MaxDelay)
	c.oneOf("startup.onHostStop", string(s.OnHostStop), string(HostStopStop), string(HostStopSuspend))
	if len(s.After) > MaxAfter {
		c.say("startup.after", "", "%d VMs are more than %d", len(s.After), MaxAfter)
	}
	for i, name := range s.After {
		path := fmt.Sprintf("startup.after[%d]", i)
		c.err(path, model.CheckName("vm name", name))
		if name == d.Name {
			c.say(path, "leave it out", "no VM starts after itself")
		}
		if slices.Contains(s.After[:i], name) {
			c.say(path, "leave one out", "%s is named twice", name)
		}
	}
}

func (c *check) disks(disks map[string]Disk) {
	if len(disks) > MaxDisks {
		c.say("disks", "", "%d disks are more than %d", len(disks), MaxDisks)
	}
	at := map[string]string{}
	for _, name := range sortedKeys(disks) {
		d, path := disks[name], "disks."+name
		c.err(path, model.CheckName("disk name", name))
		if d.Volume != "" { // else it is told already
			c.err(path+".volume", model.CheckName("volume name", d.Volume))
			if other, twice := at[d.Volume]; twice {
				c.say(path+".volume", "give each disk a volume of its own", "volume %q is already disk %q", d.Volume, other)
			}
			at[d.Volume] = name
		}
		if !serialShape.MatchString(d.Serial) {
			c.say(path+".serial", "", "%.40q is not up to 20 of A-Z a-z 0-9 _ . -", d.Serial)
		}
		c.diskLimits(path+".limits", d.Limits)
		c.diskIO(path, d)
	}
}

func (c *check) nics(nics map[string]NIC) {
	if len(nics) > MaxNICs {
		c.say("nics", "", "%d network cards are more than %d", len(nics), MaxNICs)
	}
	at := map[string]string{}
	for _, name := range sortedKeys(nics) {
		n, path := nics[name], "nics."+name
		c.err(path, model.CheckName("network card name", name))
		c.oneOf(path+".network", n.Network, UserNetwork)
		c.oneOf(path+".link", n.Link, "up", LinkDown)
		if n.MAC == "" {
			continue
		}
		if !macShape.MatchString(n.MAC) {
			c.say(path+".mac", "leave it out and one is made", "%.40q is not six bytes in lower case hex with colons", n.MAC)
		} else if multicast(n.MAC) {
			c.say(path+".mac", "make the second hex digit even", "%s is a multicast address", n.MAC)
		}
		if other, twice := at[n.MAC]; twice {
			c.say(path+".mac", "", "%s is already that of %q", n.MAC, other)
		}
		at[n.MAC] = name
	}
}

func multicast(mac string) bool { return strings.ContainsRune("13579bdf", rune(mac[1])) }
