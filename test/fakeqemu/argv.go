package fakeqemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// argument is one option of a command line.
type argument struct{ option, value string }

// String is what QEMU puts before an error about the argument.
func (a argument) String() string { return strings.TrimSpace(a.option + " " + a.value) }

// flags are the options without a value.
var flags = []string{"-S", "-nodefaults", "-no-user-config", "-version", "-no-reboot", "-enable-kvm", "-nographic"}

// ignored are options with a value that changes nothing here.
var ignored = []string{
	"-rtc", "-display", "-vnc", "-cpu", "-boot", "-sandbox", "-append", "-bios", "-global", "-overcommit", "-msg",
	"-run-with", "-k", "-D", "-vga", "-usb", "-fw_cfg", "-smbios", "-numa", "-audio",
}

// order is the order in which QEMU takes options, whatever theirs on the command line.
var order = []string{"-add-fd", "-chardev", "-mon", "-qmp", "-serial", "-object", "-blockdev", "-netdev", "-device"}

// arguments splits a command line.
func arguments(args []string) ([]argument, error) {
	var all []argument
	for i := 0; i < len(args); i++ {
		option := args[i]
		if strings.HasPrefix(option, "--") {
			option = option[1:]
		}
		_, known := options[option]
		switch {
		case slices.Contains(flags, option):
			all = append(all, argument{option: option})
		case !known && !slices.Contains(ignored, option) && !slices.Contains(order, option):
			return nil, fmt.Errorf("%s: invalid option", args[i])
		case i+1 == len(args):
			return nil, fmt.Errorf("%s: requires an argument", args[i])
		default:
			i++
			all = append(all, argument{option, args[i]})
		}
	}
	return all, nil
}

// keyed reads QemuOpts: key=value pairs between commas, a doubled comma standing for one. A first
// part without a key is named by first.
func keyed(value, first string) map[string]string {
	out := map[string]string{}
	const comma = "\x00"
	for i, part := range strings.Split(strings.ReplaceAll(value, ",,", comma), ",") {
		key, v, found := strings.Cut(strings.ReplaceAll(part, comma, ","), "=")
		switch {
		case !found && i == 0 && first != "":
			key, v = first, key
		case !found:
			v = "on"
		}
		out[key] = v
	}
	return out
}

// options are those that say what machine it is; they come before everything in order.
var options = map[string]func(*Options, *Recording, string) error{
	"-uuid": func(o *Options, _ *Recording, v string) error {
		if !uuidForm.MatchString(v) {
			return errors.New("failed to parse UUID string: wrong format")
		}
		o.UUID = strings.ToLower(v)
		return nil
	},
	"-name": func(o *Options, _ *Recording, v string) error {
		o.Name = keyed(v, "guest")["guest"]
		return nil
	},
	"-smp": func(o *Options, _ *Recording, v string) error {
		given := keyed(v, "cpus")
		o.CPUs, _ = strconv.Atoi(given["cpus"]) // 0 means 1
		o.CPUsMax, _ = strconv.Atoi(given["maxcpus"])
		return nil
	},
	"-action": func(o *Options, _ *Recording, v string) error {
		for key, want := range keyed(v, "") {
			if !slices.Contains(actions[key], want) {
				return fmt.Errorf("Parameter '%s' does not accept value '%s'", key, want) //nolint:staticcheck // QEMU's words
			}
			if key == "shutdown" && want == "pause" {
				o.Exit = false
			}
			if key == "reboot" {
				o.Reboot = want == "shutdown"
			}
		}
		return nil
	},
	"-machine": func(_ *Options, r *Recording, v string) error {
		if name := keyed(v, "type")["type"]; name != "" && !r.hasMachine(name) {
			return errMachine{name}
		}
		return nil
	},
	"-accel": func(_ *Options, _ *Recording, v string) error {
		if name := keyed(v, "accel")["accel"]; name != "tcg" && name != "kvm" {
			return fmt.Errorf("invalid accelerator %s", name)
		}
		return nil
	},
	"-m": func(o *Options, _ *Recording, v string) error {
		o.Memory = v
		return nil
	},
	"-incoming": func(o *Options, _ *Recording, v string) error {
		if v != "defer" {
			return errors.New("fakeqemu waits for its guest with defer only")
		}
		o.Incoming = true
		return nil
	},
	"-kernel": exists,
	"-initrd": exists,
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

var actions = map[string][]string{
	"reboot": {"reset", "shutdown"}, "shutdown": {"poweroff", "pause"}, "panic": {"pause", "shutdown", "exit-failure", "none"},
	"watchdog": {"reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi"},
}

// errMachine is a machine type that is not there; QEMU says so without naming the option.
type errMachine struct{ name string }

func (e errMachine) Error() string {
	return "unsupported machine type: \"" + e.name + "\"\nUse -machine help to list supported machines"
}

type errKernel struct{ path string }

func (e errKernel) Error() string {
	return "could not open kernel file '" + e.path + "': No such file or directory"
}

func exists(_ *Options, _ *Recording, path string) error {
	if _, err := os.Stat(path); err != nil {
		return errKernel{path}
	}
	return nil
}

func (r *Recording) hasMachine(name string) bool {
	machines := read[[]struct{ Name, Alias string }](r.Answers["query-machines"])
	for _, m := range machines {
		if m.Name == name || m.Alias == name {
			return true
		}
	}
	return false
}

// parts are the options in order, each done with the machine there already.
var parts map[string]func(*QEMU, *board, string) error

// board is what only a command line has.
type board struct {
	sockets map[string]net.Listener // chardevs of kind socket that nobody serves yet
	logs    map[string]*os.File
	known   map[string]bool // chardevs
	serve   []func()        // the monitors, once everything else is there
}

func init() { // not a literal: the functions refer to the table by way of the fake
	parts = map[string]func(*QEMU, *board, string) error{
		"-add-fd":   (*QEMU).argAddFD,
		"-chardev":  (*QEMU).argChardev,
		"-mon":      (*QEMU).argMon,
		"-qmp":      (*QEMU).argQMP,
		"-serial":   (*QEMU).argSerial,
		"-object":   (*QEMU).argObject,
		"-blockdev": func(q *QEMU, _ *board, v string) error { return q.argJSON("blockdev-add", v, q.blockdevAdd) },
		"-netdev":   func(q *QEMU, _ *board, v string) error { return q.argJSON("netdev_add", v, q.argNetdev) },
		"-device":   func(q *QEMU, _ *board, v string) error { return q.argJSON("device_add", v, q.deviceAdd) },
	}
}

// argJSON takes an option in the form of a command's arguments.
func (q *QEMU) argJSON(command, value string, do func(json.RawMessage) error) error {
	raw := json.RawMessage(value)
	if !strings.HasPrefix(value, "{") {
		raw = mustJSON(keyed(value, map[string]string{"device_add": "driver", "netdev_add": "type", "blockdev-add": "driver"}[command]))
	} else if !json.Valid(raw) {
		return errors.New("JSON parse error, premature EOI")
	}
	if strings.HasPrefix(value, "{") {
		if err := q.checkArguments(command, raw); err != nil {
			return err
		}
	}
	return do(raw)
}

func (q *QEMU) argAddFD(_ *board, value string) error {
	o := keyed(value, "")
	fd, _ := strconv.Atoi(o["fd"]) // 0 is refused below
	set, err := strconv.Atoi(o["set"])
	if err != nil || fd < 3 || !isOpen(fd) {
		return errors.New("fd is not valid or already in use")
	}
	q.addToSet(set, inherited(fd), o["opaque"])
	return nil
}

func isOpen(fd int) bool {
	var s syscall.Stat_t
	return syscall.Fstat(fd, &s) == nil
}

func inherited(fd int) *os.File {
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "fd "+itoa(fd))
}

func (q *QEMU) argChardev(b *board, value string) error {
	o := keyed(value, "backend")
	id := o["id"]
	if b.known[id] {
		return fmt.Errorf("Duplicate ID '%s' for chardev", id) //nolint:staticcheck // QEMU's words
	}
	b.known[id] = true
	q.chardevs = append(q.chardevs, chardev{label: id, filename: o["backend"]})
	if log, ok := strings.CutPrefix(o["logfile"], "/dev/fdset/"); ok {
		set, _ := strconv.Atoi(log) // what is no number is no set
		if len(q.fdsets[set]) == 0 {
			return q.noSet(o["logfile"])
		}
		b.logs[id] = q.fdsets[set][0].file
	}
	if o["backend"] != "socket" {
		return nil
	}
	l, err := listenAt(o)
	if err != nil {
		return err
	}
	b.sockets[id] = l
	q.chardevs[len(q.chardevs)-1].filename = "unix:" + l.Addr().String() + ",server=on"
	return nil
}

// listenAt listens on the descriptor or the path of a socket chardev.
func listenAt(o map[string]string) (net.Listener, error) {
	if o["fd"] == "" {
		l, err := net.Listen("unix", o["path"])
		if err != nil {
			return nil, fmt.Errorf("Failed to bind socket to %s: No such file or directory", o["path"]) //nolint:staticcheck // QEMU's words
		}
		return l, nil
	}
	fd, _ := strconv.Atoi(o["fd"])
	notSocket := fmt.Errorf("File descriptor '%s' is not a socket", o["fd"]) //nolint:staticcheck // QEMU's words
	if fd < 3 || !isOpen(fd) {
		return nil, notSocket
	}
	f := inherited(fd)
	defer func() { _ = f.Close() }()
	if l, err := net.FileListener(f); err == nil {
		return l, nil
	}
	c, err := net.FileConn(f)
	if err != nil {
		return nil, notSocket
	}
	return newOnce(c), nil
}

func (q *QEMU) argMon(b *board, value string) error {
	id := keyed(value, "chardev")["chardev"]
	if !b.known[id] {
		return fmt.Errorf("chardev \"%s\" not found", id)
	}
	if l := b.take(id); l != nil {
		b.serve = append(b.serve, func() { q.Listen(l) })
	}
	return nil
}

func (b *board) take(id string) net.Listener {
	l := b.sockets[id]
	delete(b.sockets, id)
	return l
}

// argQMP is the short form of -chardev with -mon: unix:PATH,server=on,wait=off or stdio.
func (q *QEMU) argQMP(b *board, value string) error {
	if value == "stdio" {
		b.serve = append(b.serve, func() {
			go func() {
				q.Serve(newStdio())
				q.Do(func() { q.exit(0) })
			}()
		})
		return nil
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(value, "unix:"), ",")
	l, err := listenAt(map[string]string{"path": path})
	if err != nil {
		return err
	}
	b.serve = append(b.serve, func() { q.Listen(l) })
	return nil
}

func (q *QEMU) argSerial(b *board, value string) error {
	id, ok := strings.CutPrefix(value, "chardev:")
	if !ok {
		return nil // "none", "null"
	}
	if !b.known[id] {
		return fmt.Errorf("could not connect serial device to character backend '%s'", value)
	}
	if l := b.take(id); l != nil {
		c, err := q.console(l, b.logs[id])
		if err != nil {
			return err
		}
		i := slices.IndexFunc(q.chardevs, func(c chardev) bool { return c.label == id })
		q.chardevs[i].console = c
	}
	return nil
}

// argNetdev adds a back end; one that holds a listening socket says who comes and goes.
func (q *QEMU) argNetdev(args json.RawMessage) error {
	if err := q.netdevAdd(args); err != nil {
		return err
	}
	o := read[struct {
		ID   string
		Addr struct{ Type, Str string }
	}](args)
	if o.Addr.Type != "fd" {
		return nil
	}
	if l, err := listenAt(map[string]string{"fd": o.Addr.Str}); err == nil { // QEMU does not say either
		q.stream(o.ID, l)
	}
	return nil
}
