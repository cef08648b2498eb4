package guest

import (
	"context"
	"io"
	"os"
	"path/filepath"
)

// port is the guest for one architecture.
type port struct {
	arch          string // as QEMU calls it
	kernelPackage string
	// apt are options with which apt answers for the architecture; none where it is the host's own.
	apt  []string
	base []string // modules that are always loaded, besides those of every architecture
}

// amd64 is what the product's own tests boot; its button is ACPI's.
var amd64 = port{arch: "x86_64", kernelPackage: "linux-image-cloud-amd64", base: []string{"button", "pvpanic_mmio"}}

// arm64 boots on the machine virt without firmware. Its power button is a key on a GPIO line, for which the cloud
// kernel has no driver: it ends by its own poweroff.
func arm64(cache string) (port, error) {
	dir := filepath.Join(cache, "apt-arm64")
	for _, d := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return port{}, err
		}
	}
	return port{arch: "aarch64", kernelPackage: "linux-image-cloud-arm64", apt: []string{
		// Lists and a status of its own: the host is told of no other architecture, and nothing is installed.
		"-o", "APT::Architecture=arm64", "-o", "APT::Architectures::=arm64", "-o", "Dir::State::Lists=" + filepath.Join(dir, "lists"),
		"-o", "Dir::State::status=/dev/null", "-o", "Dir::Cache=" + dir, "-o", "APT::Sandbox::User=root",
	}}, nil
}

func (p port) native() bool { return len(p.apt) == 0 }

// BuildARM64 returns the guest for QEMU's machine virt. It needs the network the first time: for
// the lists of packages, the kernel and busybox.
func BuildARM64(ctx context.Context, cache string, progress io.Writer) (Guest, error) {
	p, err := arm64(cache)
	if err != nil {
		return Guest{}, err
	}
	if _, err := p.candidates(ctx); err != nil { // no lists yet
		if _, err := run(ctx, "", "apt-get", append(p.apt, "-q", "update")...); err != nil {
			return Guest{}, err
		}
	}
	return p.build(ctx, cache, progress)
}

// CommandLineARM64 is the kernel command line for that guest. Its clock needs no telling.
const CommandLineARM64 = "console=ttyAMA0 quiet panic=-1"
