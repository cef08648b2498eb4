//go:build linux

// Command fleet stands in for hv-helper where thousands of VMs are needed: it speaks hv-helper's
// protocol to a real hvd and answers QMP for every VM that it "launches", all of them in its one
// process. What a guest would do, or a jail cost, is not in it.
//
//	fleet RUNFOLDER HVD-UID HVD-GID
//
// It says "ready" on standard output when it listens, and ends with its standard input.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: fleet RUNFOLDER HVD-UID HVD-GID")
	}
	uid, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	boot, err := proc.Host.BootID()
	if err != nil {
		return err
	}
	f := &fleet{folder: args[0], uid: uid, gid: gid, boot: boot, vms: map[string]*ship{}}
	if err := os.MkdirAll(filepath.Join(f.folder, "vm"), 0o755); err != nil {
		return err
	}
	path := filepath.Join(f.folder, privilege.HelperSocket)
	l, err := packet.Listen(path)
	if err != nil {
		return err
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.converse(c)
		}
	}()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return os.RemoveAll(f.folder)
}

// fleet is every VM that was launched.
type fleet struct {
	folder, boot string
	uid, gid     int

	mu  sync.Mutex
	vms map[string]*ship
}

// ship is one VM: a fake QEMU without a process of its own.
type ship struct {
	run  privilege.Running
	qemu *fakeqemu.QEMU
}

func (f *fleet) converse(c *packet.Conn) {
	defer func() { _ = c.Close() }() // hvd has gone
	buf := make([]byte, privilege.MaxMessage)
	for {
		n, files, err := c.Recv(buf, privilege.MaxFiles)
		if err != nil {
			return
		}
		var request struct {
			Verb privilege.Verb  `json:"verb"`
			Body json.RawMessage `json:"body"`
		}
		err = json.Unmarshal(buf[:n], &request)
		var body any
		var out []*os.File
		if err == nil {
			body, out, err = f.do(request.Verb, request.Body)
		}
		packet.CloseAll(files)
		answer := privilege.Answer{Failure: privilege.FailureOf(err)}
		if body != nil {
			answer.Body, _ = json.Marshal(body) // our own words
		}
		data, _ := json.Marshal(answer) // likewise
		err = c.Send(data, out)
		packet.CloseAll(out)
		if err != nil {
			return
		}
	}
}

func (f *fleet) do(verb privilege.Verb, body json.RawMessage) (any, []*os.File, error) {
	switch verb {
	case privilege.VerbHello:
		return privilege.HelloReply{Version: "fleet", RunFolder: f.folder, BootID: f.boot, Cgroup: privilege.Cgroup{Mode: "v2", Enforced: true}}, nil, nil
	case privilege.VerbPhase:
		return privilege.SealState{}, nil, nil
	case privilege.VerbKVM:
		return privilege.KVMReply{Why: "a fleet emulates"}, nil, nil
	case privilege.VerbListen:
		file, err := f.listen(filepath.Join(f.folder, privilege.APISocket))
		return nil, []*os.File{file}, err
	case privilege.VerbLaunch:
		return f.launch(body)
	case privilege.VerbList:
		return f.list(body)
	case privilege.VerbAttach:
		file, err := f.self()
		return nil, []*os.File{file}, err
	case privilege.VerbKill, privilege.VerbForget, privilege.VerbCleanup:
		return nil, nil, nil
	default:
		return nil, nil, fault.New(fault.Unavailable, "a fleet has no %s", verb)
	}
}

func (f *fleet) launch(body json.RawMessage) (any, []*os.File, error) {
	var l privilege.Launch
	if err := json.Unmarshal(body, &l); err != nil {
		return nil, nil, err
	}
	q, err := fakeqemu.New(fakeqemu.Options{UUID: l.VM, Name: l.Name})
	if err != nil {
		return nil, nil, err
	}
	folder := filepath.Join(f.folder, "vm", l.VM)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, nil, err
	}
	s := &ship{qemu: q, run: privilege.Running{
		VM: l.VM, Name: l.Name, PID: os.Getpid(), StartTime: 1, BootID: f.boot, Alive: true, Program: "qemu-" + l.Arch, Sockets: map[string]string{},
	}}
	for _, name := range l.Sockets {
		path := filepath.Join(folder, name)
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return nil, nil, err
		}
		if err := os.Chown(path, f.uid, f.gid); err != nil {
			return nil, nil, err
		}
		s.run.Sockets[name] = filepath.Join("vm", l.VM, name)
		if name == "qmp" {
			q.Listen(listener)
		}
	}
	f.mu.Lock()
	f.vms[l.VM] = s
	f.mu.Unlock()
	file, err := f.self()
	return privilege.LaunchReply{Running: s.run}, []*os.File{file}, err
}

// list answers in pages that fit into a message.
func (f *fleet) list(body json.RawMessage) (any, []*os.File, error) {
	var ask privilege.List
	if err := json.Unmarshal(body, &ask); err != nil {
		return nil, nil, err
	}
	const page = 128
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id := range f.vms {
		if id > ask.After {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var reply privilege.ListReply
	for _, id := range ids[:min(page, len(ids))] {
		reply.VMs = append(reply.VMs, f.vms[id].run)
	}
	if len(ids) > page {
		reply.Next = ids[page-1]
	}
	return reply, nil, nil
}

// self is a pidfd of this process: that of every VM.
func (f *fleet) self() (*os.File, error) {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

func (f *fleet) listen(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	return file, errors.Join(err, l.Close())
}
