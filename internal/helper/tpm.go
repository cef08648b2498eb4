package helper

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/cgroup"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

const (
	tpmProgram   = "swtpm"
	tpmOpenFiles = 64
	tpmFileBytes = 16 << 20 // its state has a few KiB; its words go to the end of QEMU's own
	tpmEntries   = 16       // a state's folder has three
	tpmPids      = 16       // threads; it has one
)

// tpmLimits are what a swtpm may have: it takes about 10 MiB, and works for milliseconds at a time.
var tpmLimits = cgroup.Limits{MemoryBytes: 64 << 20, CPUs: 1, Pids: tpmPids}

// tpmFiles are what a swtpm gets: the folder of its state, its end of the connection to QEMU, and QEMU's output.
type tpmFiles struct {
	state       launch.Folder
	end, output *os.File
}

// wireTPM makes the connection between QEMU and its swtpm, of which QEMU's end comes after its sockets, and gives
// the folder of the state to the swtpm's uid.
func (h *Helper) wireTPM(s *start, l *privilege.Launch, first uint32) error {
	if !l.TPM {
		return nil
	}
	if err := program(tpmProgram); err != nil {
		return err
	}
	state := launch.Folder{Base: h.above, Name: privilege.TPMFolder(l.VM)}
	dir, err := state.Open()
	if err != nil {
		return fault.New(fault.Precondition, "there is no folder for what its TPM keeps").Because(err)
	}
	s.own = append(s.own, dir)
	if state.Dev, state.Inode, err = giveState(dir, h.owners, first+uid.SWTPM); err != nil {
		return err
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	qemu, end := os.NewFile(uintptr(ends[0]), privilege.TPMSocket), os.NewFile(uintptr(ends[1]), tpmProgram)
	s.own, s.birth.Files = append(s.own, qemu, end), append(s.birth.Files, qemu)
	s.tpm = &tpmFiles{state, end, s.birth.Output}
	return nil
}

// giveState makes a folder of hvd's, and what is in it, the swtpm's. hvd's group may go on using it: hvd
// takes it away with the VM. Another VM's uid may stand there where a state has come with a restore.
func giveState(dir *os.File, o run.Owners, id uint32) (dev, inode uint64, err error) {
	st, err := give(int(dir.Fd()), unix.S_IFDIR, o, id)
	if err != nil {
		return 0, 0, err
	}
	names, err := entries(dir)
	if err != nil {
		return 0, 0, err
	}
	if len(names) > tpmEntries {
		return 0, 0, fault.New(fault.Denied, "the TPM's state: %d files; at most %d", len(names), tpmEntries)
	}
	for _, name := range names {
		fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, 0, fault.New(fault.Denied, "the TPM's state: %.80q", name).Because(err)
		}
		_, err = give(fd, unix.S_IFREG, o, id)
		if err := errors.Join(err, unix.Close(fd)); err != nil {
			return 0, 0, err
		}
	}
	return st.Dev, st.Ino, nil
}

// give gives one file or folder that is hvd's, or a VM's, to another uid.
func give(fd int, kind uint32, o run.Owners, id uint32) (st unix.Stat_t, err error) {
	if err := unix.Fstat(fd, &st); err != nil {
		return st, err
	}
	refused := func(format string, args ...any) error {
		return fault.New(fault.Denied, "the TPM's state: "+format, args...)
	}
	mode := uint32(0o660)
	if kind == unix.S_IFDIR {
		mode = 0o2770
	}
	switch {
	case st.Mode&unix.S_IFMT != kind:
		return st, refused("a file of type %#o is in the place of one of %#o", st.Mode&unix.S_IFMT, kind)
	case int(st.Uid) != o.HVD && (st.Uid < uid.First || st.Uid-uid.First >= uid.Block*uid.Blocks):
		return st, refused("uid %d owns it", st.Uid)
	case kind == unix.S_IFREG && st.Nlink != 1:
		return st, refused("a file has %d names", st.Nlink)
	}
	return st, errors.Join(unix.Fchown(fd, int(id), o.HVDGroup), unix.Fchmod(fd, mode))
}

// entries reads a folder by an open file of our own: the one that came shares its place with hvd's.
func entries(dir *os.File) ([]string, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	own := os.NewFile(uintptr(fd), dir.Name())
	defer func() { _ = own.Close() }() // read only
	names, err := own.Readdirnames(tpmEntries + 1)
	if len(names) == 0 {
		return nil, nil // the end of an empty folder is an error
	}
	return names, err
}

// unbornTPM is the shim of a swtpm that waits for its order; nil where a VM has none.
type unbornTPM struct {
	shim  *launch.Process
	state launch.Folder
}

// bearTPM clones the shim of the VM's swtpm and puts it into the record, which the caller writes.
func (h *Helper) bearTPM(g *guest, f *tpmFiles) (*unbornTPM, error) {
	if f == nil {
		return nil, nil
	}
	group, err := h.place(g).tpm.Make(tpmLimits)
	if err != nil {
		return nil, err
	}
	if group != nil {
		defer func() { _ = group.Close() }() // a folder
	}
	shim, err := launch.Start(launch.Birth{Verb: launch.ShimVerb, Namespaces: true, Files: []*os.File{f.end}, Output: f.output, Cgroup: group})
	if err != nil {
		return nil, err
	}
	g.tpm = &link{}
	if g.tpm.process, err = h.born(shim); err != nil {
		return nil, err
	}
	g.record.TPM = &run.Side{PID: g.tpm.PID, Start: g.tpm.StartTime}
	return &unbornTPM{shim, f.state}, nil
}

// order tells the shim to become swtpm, which ends with its connection, and so with QEMU.
func (u *unbornTPM) order(h *Helper, g *guest) {
	if u == nil {
		return
	}
	u.shim.Order(launch.Order{
		Program: programs[tpmProgram].path,
		Args: []string{
			tpmProgram, "socket", "--tpm2", "--terminate",
			"--tpmstate", "dir=" + launch.FolderInJail + ",mode=0660",
			"--ctrl", fmt.Sprintf("type=unixio,clientfd=%d", launch.FirstFile),
		},
		UID: g.record.UID + uid.SWTPM, Files: 1,
		Jail:   &launch.Jail{Mount: h.folder.JailMount(), Folder: &u.state},
		Limits: launch.Limits{Files: tpmOpenFiles, FileBytes: tpmFileBytes, Processes: tpmPids},
	})
}

func (u *unbornTPM) await() error {
	if u == nil {
		return nil
	}
	return u.shim.Await(launch.Patience)
}

func (u *unbornTPM) abandon() {
	if u != nil {
		u.shim.Abandon()
	}
}

// sides are the processes that a VM has beside QEMU.
func (g *guest) sides() []*link {
	var all []*link
	for _, l := range g.links {
		all = append(all, l)
	}
	if g.tpm != nil {
		all = append(all, g.tpm)
	}
	for _, l := range g.shares {
		all = append(all, l)
	}
	return all
}
