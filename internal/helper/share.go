package helper

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/cgroup"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// Of virtiofsd there are two: one in Rust, a program of its own since Debian 13, and one in C that came with QEMU
// up to 7.2.
const (
	fsProgram   = "virtiofsd"
	fsProgramC  = "virtiofsd of QEMU"
	fsOpenFiles = 65536 // one for each file that the guest knows of
	fsPids      = 1024  // threads of all of a VM's: the one in C has up to 64 for each share, its shim a dozen
)

// fsLimits are what all virtiofsds of a VM may have together. Most of it is what the kernel keeps of files that they read,
// write and know of, and gives back when there is need of it.
var fsLimits = cgroup.Limits{MemoryBytes: 1 << 30, Pids: fsPids}

// shareProgram is the virtiofsd that this host has.
func shareProgram() (string, error) {
	if program(fsProgram) == nil || program(fsProgramC) != nil {
		return fsProgram, program(fsProgram)
	}
	return fsProgramC, nil
}

// shareFiles are what a virtiofsd gets.
type shareFiles struct {
	tag     string
	folder  launch.Folder
	socket  *os.File // listening; QEMU is its one client
	users   *os.File // by which the folder's owner is virtiofsd; nil where the folder is shown as it is
	output  *os.File
	program string
}

// wireShares looks at each folder, and connects QEMU to a socket that its virtiofsd will listen on. The socket loses
// its name at once: nobody else can connect.
func (h *Helper) wireShares(s *start, l *privilege.Launch, first uint32) error {
	for _, share := range l.Shares {
		path := "/" + share.Tree + "/" + strings.Join(share.Names, "/")
		f := &shareFiles{tag: share.Tag, output: s.birth.Output, folder: launch.Folder{
			Base: "/" + share.Tree, Name: strings.Join(share.Names, "/"), ReadOnly: share.ReadOnly,
		}}
		if err := h.wireShare(s, f, l.VM, first+uid.FS); err != nil {
			return fault.Wrap(err, "share %q, which is %s", share.Tag, path)
		}
		s.shares = append(s.shares, f)
	}
	return nil
}

func (h *Helper) wireShare(s *start, f *shareFiles, vm string, id uint32) (err error) {
	if f.program, err = shareProgram(); err != nil {
		return err
	}
	if err := mayShare(sharesFile, f.folder.Base+"/"+f.folder.Name, 0); err != nil {
		return err
	}
	st, err := h.shareOwner(f)
	if err != nil {
		return err
	}
	f.folder.Dev, f.folder.Inode = st.Dev, st.Ino
	if st.Uid != 0 {
		f.users, err = launch.Namespace(launch.Users{UID: id, GID: id, InsideUID: st.Uid, InsideGID: st.Gid})
		if err != nil {
			return err
		}
		s.own = append(s.own, f.users)
	}
	name := privilege.ShareSocket(f.tag)
	if f.socket, err = h.folder.ListenVM(vm, name); err != nil {
		return err
	}
	s.own = append(s.own, f.socket)
	qemu, err := h.folder.ConnectVM(vm, name)
	if err != nil {
		return err
	}
	s.own, s.birth.Files = append(s.own, qemu), append(s.birth.Files, qemu)
	return h.folder.RemoveSocket(vm, name)
}

// shareOwner looks at a folder that is shared. On the way to it everything is root's alone, so that nobody puts another in its
// place. Whoever owns it is who its guest is there: so that is not root, whose files a guest would make as its own (one
// that is setuid, for one), nor a process of ours, nor of a group that is let to us: who runs on the host what the guest has
// left there setgid would be of it. Of root's own folder a guest reads what everybody may.
func (h *Helper) shareOwner(f *shareFiles) (st unix.Stat_t, err error) {
	dir, err := h.descend(f.folder.Base, strings.Split(f.folder.Name, "/"))
	if err != nil {
		return st, fault.New(fault.Precondition, "the folder cannot be shared").Because(err).
			Try("mkdir it, with every folder above it root's alone").WithCode("HV-SHARE-006")
	}
	defer func() { _ = dir.Close() }() // a folder
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return st, err
	}
	path := f.folder.Base + "/" + f.folder.Name
	refused := fault.New(fault.Denied, "uid %d and gid %d own it", st.Uid, st.Gid).WithCode("HV-SHARE-006")
	ours := func(id uint32) bool { return id-uid.First < uid.Block*uid.Blocks }
	switch {
	case st.Uid == 0 && f.folder.ReadOnly:
		return st, nil
	case st.Uid == 0 || st.Gid == 0:
		return st, refused.Try("chown USER:GROUP %s, to neither root nor its group: its guest is that user there; or share it read-only", path)
	case int(st.Uid) == h.owners.HVD || ours(st.Uid) || ours(st.Gid) || int(st.Gid) == h.owners.HVDGroup || int(st.Gid) == h.owners.APIGroup:
		return st, refused.Try("share a folder that belongs to nobody of this product")
	}
	return st, nil
}

// unbornShares are the shims of virtiofsds that wait for their orders.
type unbornShares []unbornShare

type unbornShare struct {
	*shareFiles
	shim *launch.Process
}

// bearShares clones the shims of the VM's virtiofsds and puts them into the record, which the caller writes.
func (h *Helper) bearShares(g *guest, all []*shareFiles) (out unbornShares, err error) {
	defer func() {
		if err != nil {
			out.abandon()
			out = nil
		}
	}()
	for _, f := range all {
		group, err := h.place(g).shares.Make(fsLimits)
		if err != nil {
			return out, err
		}
		files := []*os.File{f.socket}
		if f.users != nil {
			files = append(files, f.users)
			f.folder.Users = launch.FirstFile + 1
		}
		shim, err := launch.Start(launch.Birth{Verb: launch.ShimVerb, Namespaces: true, Files: files, Output: f.output, Cgroup: group})
		if group != nil {
			_ = group.Close() // a folder
		}
		if err != nil {
			return out, err
		}
		out = append(out, unbornShare{f, shim})
		l := &link{}
		if l.process, err = h.born(shim); err != nil {
			return out, err
		}
		g.share(f.tag, l)
	}
	g.recordShares()
	return out, nil
}

func (g *guest) share(tag string, l *link) {
	if g.shares == nil {
		g.shares = map[string]*link{}
	}
	g.shares[tag] = l
}

// endedShares says which virtiofsds of a VM have ended.
func (h *Helper) endedShares(vm string) (privilege.SharesReply, error) {
	g, err := h.guests.running(vm)
	if err != nil {
		return privilege.SharesReply{}, err
	}
	defer g.mu.Unlock()
	r := privilege.SharesReply{Ended: map[string]string{}}
	for tag, l := range g.shares {
		if l.alive() {
			continue
		}
		r.Ended[tag] = "virtiofsd has ended"
		if l.process != nil {
			if exit := l.result(); exit != "" { // only its parent knows
				r.Ended[tag] = "virtiofsd: " + exit
			}
		}
	}
	return r, nil
}

func (g *guest) recordShares() {
	g.record.Shares = nil
	for _, tag := range slices.Sorted(maps.Keys(g.shares)) {
		if g.record.Shares == nil {
			g.record.Shares = map[string]*run.Side{}
		}
		g.record.Shares[tag] = &run.Side{PID: g.shares[tag].PID, Start: g.shares[tag].StartTime}
	}
}

// order tells each shim to become a virtiofsd, which ends with its connection, and so with QEMU.
func (all unbornShares) order(h *Helper, g *guest) {
	for _, u := range all {
		u.shim.Order(launch.Order{
			Program: programs[u.program].path, Args: shareArgs(u.program), UID: g.record.UID + uid.FS, Files: 1, Root: true,
			Jail:   &launch.Jail{Mount: h.folder.JailMount(), Folder: &u.folder},
			Limits: launch.Limits{Files: fsOpenFiles, Processes: fsPids},
		})
	}
}

// shareArgs are the options of each virtiofsd for the same: the socket that it listens on, its folder, into which it goes by
// chroot and may not come out of, and no descriptor but those that it opens itself.
func shareArgs(program string) []string {
	fd := fmt.Sprintf("--fd=%d", launch.FirstFile)
	if program == fsProgramC {
		return []string{"virtiofsd", fd, "-o", "source=" + launch.FolderInJail + ",sandbox=chroot,cache=auto,log_level=warn", "--rlimit-nofile=0", "-f"}
	}
	return []string{"virtiofsd", fd, "--shared-dir=" + launch.FolderInJail, "--sandbox=chroot", "--cache=auto", "--inode-file-handles=never",
		"--rlimit-nofile=0", "--log-level=warn"}
}

func (all unbornShares) await() error {
	var errs []error
	for _, u := range all {
		if err := u.shim.Await(launch.Patience); err != nil {
			errs = append(errs, shareError(u.shareFiles, err))
		}
	}
	return errors.Join(errs...)
}

func shareError(f *shareFiles, err error) error {
	path := f.folder.Base + "/" + f.folder.Name
	e := fault.New(fault.Unavailable, "no virtiofsd for share %q, which is %s", f.tag, path).Because(err).WithCode("HV-SHARE-006")
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return e.Try("its file system must be able to show files as another user's (idmapped mounts: ext4, xfs, btrfs …, Linux 5.12)")
	}
	return e
}

func (all unbornShares) abandon() {
	for _, u := range all {
		u.shim.Abandon()
	}
}
