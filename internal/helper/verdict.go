package helper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/kvm"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

const (
	probeVerb = "kvm-probe" // a copy of ourselves that runs the probe VM
	// probeLimit is for the start of the copy too, which takes a second and more on a slow or busy host. What
	// hangs is waited for once; a verdict that came too early would make every VM slow from then on.
	probeLimit = launch.Patience
	// probeUID is the last uid of the range: one that has no more rights than a VM's, and is no VM's.
	probeUID = uid.First + uid.Block*uid.Blocks - 1
)

// kvmVerdict is asked once for each boot.
type kvmVerdict struct {
	mu    sync.Mutex
	known *privilege.KVMReply
}

// ask says whether KVM can be used. What can be seen at a glance is looked at each time, because a kernel
// module may come; the probe VM runs once.
func (k *kvmVerdict) ask(h *Helper) privilege.KVMReply {
	k.mu.Lock()
	defer k.mu.Unlock()
	flag, why := kvmShown()
	if why != "" {
		return privilege.KVMReply{Why: why}
	}
	file := filepath.Join(h.folder.Path, "kvm.json")
	if k.known == nil {
		k.known = savedVerdict(file, h.boot)
	}
	if k.known != nil {
		return *k.known
	}
	reply := privilege.KVMReply{OK: true, Why: fmt.Sprintf("the CPU shows %s, and a probe VM ran on %s as an unprivileged user", flag, kvm.Device)}
	err := h.probeKVM()
	if err != nil {
		reply = privilege.KVMReply{Why: fmt.Sprintf("%s is there and the CPU shows %s, but the probe VM failed: %v", kvm.Device, flag, err)}
	}
	k.known = &reply
	if !errors.Is(err, os.ErrDeadlineExceeded) { // a busy host; the next helper tries again
		saveVerdict(file, h.boot, reply)
	}
	return reply
}

// kvmDevice says who may open /dev/kvm; nil where there is none.
func kvmDevice() *privilege.KVMDevice {
	var st unix.Stat_t
	if unix.Stat(kvm.Device, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return nil
	}
	return &privilege.KVMDevice{Mode: st.Mode & 0o777, UID: st.Uid, GID: st.Gid}
}

// kvmShown looks at what needs no probe: the CPU's flag, or why there is no KVM.
func kvmShown() (flag, why string) {
	info, err := os.Stat(kvm.Device)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", "this host has no " + kvm.Device
	case err != nil:
		return "", err.Error()
	case info.Mode()&os.ModeCharDevice == 0:
		return "", kvm.Device + " is no device"
	case !kvm.Supported:
		return "", "this build has no probe VM for " + runtime.GOARCH + ", and KVM is not used unproven"
	}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err.Error()
	}
	if flag = kvm.Flag(cpuinfo); flag == "" {
		return "", kvm.Device + " is there, but the CPU shows neither vmx nor svm: such a device opens and boots no guest"
	}
	return flag, ""
}

// probeKVM runs the probe VM in a jail like a VM's, as an unprivileged uid, for a limited time.
func (h *Helper) probeKVM() error {
	shim, err := launch.Start(launch.Birth{Verb: probeVerb, Namespaces: true})
	if err != nil {
		return err
	}
	p, err := h.born(shim)
	if err != nil {
		return err
	}
	defer p.Close()
	shim.Order(launch.Order{UID: probeUID, Jail: &launch.Jail{Mount: h.folder.JailMount(), KVM: true}})
	return errors.Join(shim.Await(probeLimit), p.end())
}

// probe is the copy's side of it.
func probe(args []string) int {
	return launch.Inside(args, func(launch.Order) error { return kvm.Probe(kvm.Device) })
}

type verdictOnDisk struct {
	BootID string             `json:"bootID"`
	Reply  privilege.KVMReply `json:"reply"`
}

func savedVerdict(file, boot string) *privilege.KVMReply {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	var v verdictOnDisk
	if err := json.NewDecoder(f).Decode(&v); err != nil || v.BootID != boot {
		return nil
	}
	return &v.Reply
}

func saveVerdict(file, boot string, r privilege.KVMReply) {
	data, err := json.Marshal(verdictOnDisk{boot, r})
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		_ = os.Remove(file) // it is only kept to spare the next helper a second
	}
}
