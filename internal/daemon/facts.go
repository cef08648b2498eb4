//go:build linux

package daemon

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"reflect"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/host/probe"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// facts are the host's facts, as they were when somebody last looked.
type facts struct {
	helper *privilege.Client
	qemu   *probe.Cache
	log    *slog.Logger
	// firmware are the folders in which packages install UEFI firmware; none for the usual one.
	firmware []string

	mu   sync.RWMutex
	last host.Facts
}

// ask finds out everything: from sysfs and procfs, from hv-helper, from each QEMU over QMP.
func (f *facts) ask(ctx context.Context) error {
	hello, err := f.helper.Hello(ctx)
	if err != nil {
		return fault.Wrap(err, "hv-helper does not answer")
	}
	seen := probe.Self(ctx, os.DirFS("/"), f.firmware...)
	seen.Cgroup = &host.Cgroup{Mode: hello.Cgroup.Mode, Controllers: hello.Cgroup.Controllers, Enforced: hello.Cgroup.Enforced, Why: hello.Cgroup.Why}
	seen.Landlock = &host.Verdict{OK: hello.Landlock > 0, Why: fmt.Sprintf("version %d", hello.Landlock)}
	if !seen.Landlock.OK {
		seen.Landlock.Why = "this kernel has none"
	}
	kvm, err := f.helper.KVM(ctx)
	if err != nil {
		return fault.Wrap(err, "cannot find out whether KVM works")
	}
	seen.KVM = &host.Verdict{OK: kvm.OK, Why: kvm.Why}
	seen.KVMDevice = &host.KVMDevice{Usable: "nobody"}
	if d := kvm.Device; d != nil { // the host's: hvd's own /dev has none
		seen.KVMDevice = probe.KVMDevice(os.DirFS("/"), fs.FileMode(d.Mode), int(d.UID), int(d.GID))
	}
	f.mu.Lock()
	seen.QEMU, seen.Others = f.last.QEMU, f.last.Others // until they are asked again, just now
	if !reflect.DeepEqual(seen, f.last) {               // else what was resolved from these stays found
		f.last = seen
	}
	f.mu.Unlock()
	f.askQEMU(ctx)
	return nil
}

// askQEMU asks each QEMU that is not the file that was asked before.
func (f *facts) askQEMU(ctx context.Context) {
	f.mu.RLock()
	arch := f.last.Arch
	f.mu.RUnlock()
	own := f.qemu.Ask(ctx, arch)
	var others []host.QEMU
	for _, other := range []string{"x86_64", "aarch64"} {
		if q := f.qemu.Ask(ctx, other); other != arch && q.OK() {
			others = append(others, q)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last.QEMU == nil || f.last.QEMU.Key != own.Key {
		f.log.Info("qemu", "version", own.Version, "path", own.Path, "why", own.Why)
	}
	f.last.QEMU, f.last.Others = &own, others
}

// known returns what was found out last, at no cost.
func (f *facts) known() host.Facts {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.last
}

// now returns the facts with QEMU's asked again if its file was replaced since, and with the huge pages that are free now.
func (f *facts) now(ctx context.Context) func() host.Facts {
	return func() host.Facts {
		f.askQEMU(ctx)
		now := f.known()
		if now.Layout != nil && len(now.Layout.HugePages) > 0 {
			l := *now.Layout
			l.HugePages = probe.HugePages(os.DirFS("/"))
			now.Layout = &l
		}
		return now
	}
}
