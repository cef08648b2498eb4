package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
)

// Options say how a lab is booted.
type Options struct {
	Name    string // its host name
	Image   Image
	Luggage string // a folder that stands in the lab as /lab/in, read-only; its run.sh is run as root
	Results string // a folder for console.log and for what the lab left in /lab/out
	CPUs    int
	Memory  int // MiB
	Link    *Link
	Words   []string          // further ones for the kernel's command line
	Line    func(line string) // called with each line that the lab writes to /dev/virtio-ports/lab
}

// Link joins two labs by a network of their own: they are 10.77.0.1 and 10.77.0.2, lab1 and lab2.
type Link struct {
	Folder string // for the two ends; the same for both
	Number int    // 1 or 2
}

func (l *Link) other() int          { return 3 - l.Number }
func (l *Link) socket(n int) string { return filepath.Join(l.Folder, strconv.Itoa(n)) }

// Host is a lab that was booted.
type Host struct {
	options Options
	folder  string // disks of this boot
	qemu    *exec.Cmd
	read    chan struct{} // closed when all lines were read
	status  int           // what the lab said it ended with; -1 while it has not
}

// endLine is the last that a lab says; the status of what ran in it follows.
const endLine = "lab: end "

// Boot starts a lab. The caller waits for it; when ctx ends the lab ends at once.
func Boot(ctx context.Context, o Options) (_ *Host, err error) {
	h := &Host{options: o, read: make(chan struct{}), status: -1}
	if err := os.MkdirAll(o.Results, 0o755); err != nil {
		return nil, err
	}
	if h.folder, err = os.MkdirTemp("", "hv-lab-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(h.folder))
		}
	}()
	if err := h.disks(ctx); err != nil {
		return nil, err
	}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	m := machine{
		name: o.Name, image: o.Image, cpuinfo: cpuinfo, cpus: o.CPUs, memory: o.Memory, folder: h.folder, link: o.Link, words: o.Words,
	}
	h.qemu = exec.CommandContext(ctx, "qemu-system-x86_64", m.argv()...)
	h.qemu.Stderr = os.Stderr
	said, err := h.qemu.StdoutPipe()
	if err != nil {
		return nil, err
	}
	// Nothing is ever written to it, but at its end QEMU would tell the lab that nobody listens.
	if _, err := h.qemu.StdinPipe(); err != nil {
		return nil, err
	}
	if err := h.qemu.Start(); err != nil {
		return nil, fmt.Errorf("%w (hint: scripts/deps.sh lab)", err)
	}
	go func() {
		defer close(h.read)
		lines := bufio.NewScanner(said)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			h.line(lines.Text())
		}
	}()
	return h, nil
}

func (h *Host) line(text string) {
	if status, ok := strings.CutPrefix(text, endLine); ok {
		if n, err := strconv.Atoi(status); err == nil {
			h.status = n
		}
	}
	h.options.Line(text)
}

// disks makes what this boot alone has: an overlay over the image, the luggage, room for results, and a
// spare disk to break.
func (h *Host) disks(ctx context.Context) error {
	in, out := h.disk("in.raw"), h.disk("out.raw")
	size, err := treeSize(h.options.Luggage)
	if err != nil {
		return err
	}
	// A tenth and 32 MiB more is what ext4 needs for itself.
	if err := errors.Join(blank(in, size+size/10+32<<20), blank(out, 256<<20), blank(h.disk("spare.raw"), 4<<30)); err != nil {
		return err
	}
	for _, c := range [][]string{
		{"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", h.options.Image.Disk, h.disk("root.qcow2")},
		{"mkfs.ext4", "-q", "-F", "-L", "lab-in", "-O", "^has_journal", "-d", h.options.Luggage, in},
		{"mkfs.ext4", "-q", "-F", "-L", "lab-out", out},
	} {
		if _, err := output(ctx, c[0], c[1:]...); err != nil {
			return fmt.Errorf("%w (hint: scripts/deps.sh lab)", err)
		}
	}
	return nil
}

func (h *Host) disk(name string) string { return filepath.Join(h.folder, name) }

// Wait waits until the lab has ended and returns the status of what ran in it. What it left in /lab/out and
// its console stand in the results' folder then, also when it was killed.
func (h *Host) Wait() (status int, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(h.folder)) }()
	<-h.read
	ended := h.qemu.Wait()
	if err := h.fetch(); err != nil {
		return h.status, err
	}
	switch {
	case h.status >= 0:
		return h.status, nil
	case ended != nil:
		return h.status, fmt.Errorf("%s did not come to its end: %w (see %s)", h.options.Name, ended, h.options.Results)
	}
	return h.status, fmt.Errorf("%s ended without a word: see %s", h.options.Name, filepath.Join(h.options.Results, "console.log"))
}

// fetch takes the results off the disk without mounting it.
func (h *Host) fetch() error {
	ctx := context.Background() // also for a lab whose time was up
	console, err := os.ReadFile(h.disk("console.log"))
	if err == nil {
		err = os.WriteFile(filepath.Join(h.options.Results, "console.log"), console, 0o644)
	}
	if err != nil {
		return err
	}
	// A lab that was killed has left its journal to be replayed; the exit status says that there was something.
	_ = exec.CommandContext(ctx, "e2fsck", "-p", h.disk("out.raw")).Run()
	if _, err := output(ctx, "debugfs", "-R", "rdump / "+h.options.Results, h.disk("out.raw")); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(h.options.Results, "lost+found"))
}

// clock is the word of the guest's command line that tells how fast this machine's clock is.
func clock(cpuinfo []byte) string {
	for word := range strings.FieldsSeq(guest.CommandLine(cpuinfo)) {
		if strings.HasPrefix(word, "tsc_early_khz=") {
			return word
		}
	}
	return ""
}
