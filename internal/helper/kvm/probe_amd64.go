package kvm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported says that a probe VM exists for this architecture.
const Supported = true

// The ioctls and exit reasons of Documentation/virt/kvm/api.rst and linux/kvm.h, as they are on x86_64.
const (
	getAPIVersion = 0xae00
	createVM      = 0xae01
	getRunSize    = 0xae04
	createVCPU    = 0xae41
	setMemory     = 0x4020ae46
	setTSS        = 0xae47
	run           = 0xae80
	setRegs       = 0x4090ae82
	getSregs      = 0x8138ae83
	setSregs      = 0x4138ae84

	apiVersion = 12

	exitIO  = 2
	exitHLT = 5
)

// The guest: it adds two bytes, stores the sum, says it on a port, and halts.
const (
	entry  = 0x1000 // where its code stands
	cell   = 0x0800 // where it stores the sum
	port   = 0x00e9
	sum    = 'H' + 1
	memory = 0x2000
)

var guest = []byte{
	0xba, port, 0x00, // mov dx, port
	0xb0, 'H', //        mov al, 'H'
	0x04, 1, //          add al, 1
	0xa2, cell & 0xff, cell >> 8, // mov [cell], al
	0xee, // out dx, al
	0xf4, // hlt
}

// Probe runs the guest and returns nil when it did exactly what it should. It may hang in the kernel:
// run it in a process that can be killed.
func Probe(device string) error {
	dev, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = dev.Close() }() // the process ends
	if v, err := ioctl(dev.Fd(), getAPIVersion, 0); err != nil || v != apiVersion {
		return errors.Join(fmt.Errorf("KVM's API has version %d, not %d", v, apiVersion), err)
	}
	vm, err := ioctl(dev.Fd(), createVM, 0)
	if err != nil {
		return fmt.Errorf("create VM: %w", err)
	}
	mem, err := unix.Mmap(-1, 0, memory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	copy(mem[entry:], guest)
	// Intel's CPUs before "unrestricted guest" need room for a TSS, beyond the guest's memory.
	if _, err := ioctl(vm, setTSS, 0xfffbd000); err != nil {
		return fmt.Errorf("set TSS: %w", err)
	}
	at := uintptr(unsafe.Pointer(&mem[0])) //nolint:gosec // mapped: it does not move
	slot := struct {
		number, flags       uint32
		guest, size, memory uint64
	}{size: memory, memory: uint64(at)}
	if err := about(vm, setMemory, &slot); err != nil {
		return fmt.Errorf("set memory: %w", err)
	}
	size, err := ioctl(dev.Fd(), getRunSize, 0)
	if err != nil {
		return err
	}
	cpu, err := newCPU(vm, int(size))
	if err != nil {
		return err
	}
	return cpu.say(mem)
}

type vcpu struct {
	fd    uintptr
	state []byte // struct kvm_run
}

func newCPU(vm uintptr, size int) (*vcpu, error) {
	fd, err := ioctl(vm, createVCPU, 0)
	if err != nil {
		return nil, fmt.Errorf("create vCPU: %w", err)
	}
	state, err := unix.Mmap(int(fd), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	var sregs [312]byte
	if err := about(fd, getSregs, &sregs); err != nil {
		return nil, fmt.Errorf("get segments: %w", err)
	}
	clear(sregs[0:8])   // base of CS, which comes first; at reset it is at the top of memory
	clear(sregs[12:14]) // its selector
	if err := about(fd, setSregs, &sregs); err != nil {
		return nil, fmt.Errorf("set segments: %w", err)
	}
	var regs [18]uint64
	regs[16], regs[17] = entry, 2 // RIP; RFLAGS, whose bit 1 is always set
	if err := about(fd, setRegs, &regs); err != nil {
		return nil, fmt.Errorf("set registers: %w", err)
	}
	return &vcpu{fd, state}, nil
}

// say runs until the guest halts, and checks what it said and stored.
func (c *vcpu) say(mem []byte) error {
	if why, err := c.run(); err != nil || why != exitIO {
		return errors.Join(fmt.Errorf("the probe VM ended with exit reason %d before it said anything", why), err)
	}
	// struct kvm_run: io.direction at 32, size at 33, port at 34, count at 36, data_offset at 40.
	said := c.state[binary.LittleEndian.Uint64(c.state[40:])]
	if at := binary.LittleEndian.Uint16(c.state[34:]); at != port || said != sum || mem[cell] != sum {
		return fmt.Errorf("the probe VM said %#x on port %#x and stored %#x; it should be %#x on port %#x", said, at, mem[cell], sum, port)
	}
	if why, err := c.run(); err != nil || why != exitHLT {
		return errors.Join(fmt.Errorf("the probe VM ended with exit reason %d instead of halting", why), err)
	}
	return nil
}

func (c *vcpu) run() (reason uint32, err error) {
	for {
		_, err := ioctl(c.fd, run, 0)
		if errors.Is(err, unix.EINTR) {
			continue // a signal of the Go runtime's
		}
		return binary.LittleEndian.Uint32(c.state[8:]), err
	}
}

// about is an ioctl with a struct. The conversion stands in the call itself, so that the struct stays
// where it is until the kernel has returned (package unsafe, rule 4).
func about[T any](fd, request uintptr, p *T) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(p))) //nolint:gosec // ioctl(2) takes addresses
	if errno != 0 {
		return errno
	}
	return nil
}

func ioctl(fd, request, arg uintptr) (uintptr, error) {
	r, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, arg)
	if errno != 0 {
		return 0, errno
	}
	return r, nil
}
