package probe

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// retryAfter is how long a QEMU that could not be asked is left alone: a busy host is not made busier, and one that
// hangs does not hold up every start for the time it gets.
const retryAfter = 10 * time.Second

// Cache asks each QEMU once, and again when its file was replaced. It may be used by many goroutines.
type Cache struct {
	paths map[string]string // by architecture
	ask   func(ctx context.Context, arch, path string) host.QEMU
	now   func() time.Time
	file  string // where their answers outlive this process; may be empty

	mu    sync.Mutex             // of known; the file is written with it held, too
	known map[string]*remembered // by architecture
}

// remembered is what one QEMU said; its mutex is held while it is being asked, so that it is asked once.
type remembered struct {
	mu    sync.Mutex
	qemu  host.QEMU
	until time.Time // zero: as long as the file is the same
}

// NewCache returns a cache for the QEMUs in their places: those that hv-helper starts. It knows what one of the
// same program has left in file in the same boot of the host; empty: nothing, and it leaves nothing.
func NewCache(file string) *Cache {
	c := &Cache{
		paths: map[string]string{"x86_64": "/usr/bin/qemu-system-x86_64", "aarch64": "/usr/bin/qemu-system-aarch64"},
		ask:   QEMU,
		now:   time.Now,
		known: map[string]*remembered{},
		file:  file,
	}
	if file != "" {
		for arch, q := range recall(file) {
			c.known[arch] = &remembered{qemu: q}
		}
	}
	return c
}

// Ask returns what the QEMU for arch says of itself; at the cost of a stat(2) where that is known. One that is
// not there or not usable says so in Why.
func (c *Cache) Ask(ctx context.Context, arch string) host.QEMU {
	path, ok := c.paths[arch]
	if !ok {
		return host.QEMU{Arch: arch, Why: fmt.Sprintf("%.20q is no architecture that VMs can have here", arch)}
	}
	r := c.entry(arch)
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(path)
	if err == nil && r.qemu.Key == keyOf(path, info) && (r.until.IsZero() || c.now().Before(r.until)) {
		return r.qemu
	}
	q := c.ask(ctx, arch, path)
	if ctx.Err() != nil {
		return q // that says more of whoever asked than of QEMU
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.qemu, r.until = q, time.Time{}
	if q.Version == "" {
		r.until = c.now().Add(retryAfter)
	}
	if q.OK() {
		c.leave()
	}
	return q
}

// leave writes what can be told again; c.mu is held. What cannot be written is asked anew by the next daemon.
func (c *Cache) leave() {
	if c.file == "" {
		return
	}
	all := map[string]host.QEMU{}
	for arch, r := range c.known {
		if r.qemu.OK() {
			all[arch] = r.qemu
		}
	}
	_ = keep(c.file, all)
}

func (c *Cache) entry(arch string) *remembered {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.known[arch]
	if !ok {
		r = &remembered{}
		c.known[arch] = r
	}
	return r
}
