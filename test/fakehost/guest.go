//go:build linux

package fakehost

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

// guest is one QEMU that was started.
type guest struct {
	run    privilege.Running
	cmd    *exec.Cmd
	exited chan struct{}
}

// alive asks the kernel: a pidfd tells of an end before the parent has heard of it.
func (g *guest) alive() bool {
	select {
	case <-g.exited:
		return false
	default:
	}
	f, err := open(g.run.PID)
	if err == nil {
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}} // #nosec G115 -- a descriptor
		n, _ := unix.Poll(fds, 0)
		_ = f.Close()
		if n == 0 {
			return true
		}
	}
	<-g.exited
	return false
}

func (h *Helper) start(l privilege.Launch, files []*os.File) (*guest, error) {
	h.mu.Lock()
	options, extra, number := h.options[l.Name], h.extra[l.Name], h.launches
	h.launches++
	h.mu.Unlock()
	folder := filepath.Join(h.dir, strconv.Itoa(number))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	given, stderr := files, (*os.File)(nil)
	names := slices.Clone(l.Files)
	if i := slices.Index(names, privilege.StderrFile); i >= 0 {
		stderr = files[i]
		names, given = slices.Delete(names, i, i+1), slices.Delete(slices.Clone(files), i, i+1)
	}
	sockets := map[string]string{}
	for _, name := range l.Sockets {
		path := filepath.Join(folder, name)
		f, err := listen(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() //nolint:gocritic // QEMU has its own; all of them until it was started
		names, given, sockets[name] = append(names, name), append(given, f), path
	}
	cmd := fakeqemu.Command(h.t, options, numbered(append(slices.Clone(l.Args), extra...), names)...)
	cmd.ExtraFiles = given
	if stderr != nil {
		cmd.Stdout, cmd.Stderr = stderr, stderr
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stat, _ := proc.Host.Stat(cmd.Process.Pid) // of one that has ended already there is no time
	g := &guest{cmd: cmd, exited: make(chan struct{}), run: privilege.Running{
		VM: l.VM, Name: l.Name, PID: cmd.Process.Pid, StartTime: stat.StartTime, BootID: h.bootID,
		UID: 1879048192, Sockets: sockets, Program: "qemu-" + l.Arch, Alive: true,
	}}
	h.mu.Lock()
	h.guests[l.VM] = g
	h.mu.Unlock()
	go func() { _ = cmd.Wait(); close(g.exited) }() // how it ended stands in cmd.ProcessState
	return g, nil
}

// numbered puts the numbers that files have in the child in the place of their tokens.
func numbered(args, names []string) []string {
	var pairs []string
	for i, name := range names {
		pairs = append(pairs, "{fd:"+name+"}", strconv.Itoa(3+i))
	}
	r := strings.NewReplacer(pairs...)
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = r.Replace(a)
	}
	return out
}

func listen(path string) (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	return f, errors.Join(err, l.Close())
}

func open(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fault.New(fault.Precondition, "process %d has ended", pid).Because(err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}
