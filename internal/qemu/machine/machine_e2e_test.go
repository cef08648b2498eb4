//go:build e2e

package machine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// programs are the real QEMUs; another one than the system's is named in the environment.
var programs = map[string]struct{ env, name string }{
	"x86_64":  {"HV_QEMU_X86_64", "qemu-system-x86_64"},
	"aarch64": {"HV_QEMU_AARCH64", "qemu-system-aarch64"},
}

func TestARealQEMUTakesEveryCommandLine(t *testing.T) {
	for name, in := range machines() {
		if in.Accel == vm.KVM {
			continue // needs a KVM that works; its arguments differ in -accel and -cpu only
		}
		t.Run(name, func(t *testing.T) {
			q := start(t, in)
			if got := q.ask("query-status")["status"]; got != "prelaunch" {
				t.Errorf("it is %v", got)
			}
			if got := q.ask("query-uuid")["UUID"]; got != uuid {
				t.Errorf("its UUID is %v", got)
			}
			q.hasLocks()
		})
	}
}

func TestABIOSWithoutADisplayIsSeenOnTheSerialConsole(t *testing.T) {
	q := start(t, machines()["bios"])
	q.ask("cont")
	console, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(q.dir, "serial0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = console.Close() }()
	_ = console.SetDeadline(time.Now().Add(time.Minute))
	seen, words := "", bufio.NewReader(console)
	for !strings.Contains(seen, "No bootable device") {
		c, err := words.ReadByte()
		if err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
		seen += string(rune(c))
	}
	if log, err := os.ReadFile(filepath.Join(q.dir, "serial-log")); err != nil || !strings.Contains(string(log), "SeaBIOS") {
		t.Errorf("%v: the log has %q", err, log)
	}
}

func TestAMachineTypeThatQEMUHasNotIsRefusedByItself(t *testing.T) {
	in := machines()["bare"]
	in.QEMU.Machines = []host.Machine{{Name: "pc-q35-0.1,x=y", Alias: "q35"}}
	m, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := command(t, "x86_64", m, map[string]*os.File{}).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "unsupported machine type") {
		t.Errorf("%v: %s", err, out)
	}
}

// qemu is a real one under test.
type qemu struct {
	t       *testing.T
	monitor *bufio.Reader
	conn    net.Conn
	dir     string
	machine Machine
	files   map[string]*os.File
}

// start opens what m needs as the launcher would, starts QEMU, and speaks to its monitor. QEMU ends with the test.
func start(t *testing.T, in Input) *qemu {
	t.Helper()
	m, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	open := map[string]*os.File{}
	for _, f := range m.Files {
		v := in.Volumes[f.Device]
		format := v.Format
		if len(v.Layers) > 0 {
			format = v.Layers[f.Layer].Format
		}
		open[f.Name] = openFile(t, filepath.Join(dir, f.Name), f, format == storage.QCOW2)
	}
	for _, s := range m.Sockets {
		open[s] = listen(t, filepath.Join(dir, s))
	}
	cmd := command(t, in.QEMU.Arch, m, open)
	cmd.Stdout, cmd.Stderr = open["stderr"], open["stderr"]
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if words, _ := os.ReadFile(filepath.Join(dir, "stderr")); len(words) > 0 {
			t.Errorf("QEMU said: %s", words)
		}
	})
	for _, s := range m.Sockets {
		_ = open[s].Close() // QEMU holds the only one now: when it dies, a reader of its monitor sees that
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(dir, "qmp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	q := &qemu{t: t, monitor: bufio.NewReader(conn), conn: conn, dir: dir, machine: m, files: open}
	if _, err := q.monitor.ReadString('\n'); err != nil {
		words, _ := os.ReadFile(filepath.Join(dir, "stderr"))
		t.Fatalf("no greeting: %v: %s", err, words)
	}
	q.ask("qmp_capabilities")
	return q
}

// command replaces the tokens by the numbers that the files get: 3 and up, in any order.
func command(t *testing.T, arch string, m Machine, open map[string]*os.File) *exec.Cmd {
	t.Helper()
	program := os.Getenv(programs[arch].env)
	if program == "" {
		found, err := exec.LookPath(programs[arch].name)
		if err != nil {
			t.Skipf("%v: install it with %s, or name it in %s", err, host.InstallHint(arch), programs[arch].env)
		}
		program = found
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	args := slices.Clone(m.Args)
	cmd := exec.CommandContext(ctx, program)
	for name, f := range open {
		number := strconv.Itoa(3 + len(cmd.ExtraFiles))
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], fd(name), number)
		}
	}
	cmd.Args = append(cmd.Args, args...)
	return cmd
}

// content is what makes QEMU take a file: for a kernel the header of boot protocol 2.3, the first that takes an
// initrd of any size.
// Source: the Linux kernel's Documentation/arch/x86/boot.rst.
func content(f File) []byte {
	if f.Access == Append {
		return nil
	}
	data := make([]byte, 64<<10)
	if f.Kind == KernelFile {
		data[0x1f1] = 1 // sectors of setup code
		copy(data[0x202:], "HdrS\x03\x02")
		copy(data[0x22c:], "\xff\xff\xff\x37") // initrd_addr_max
	}
	return data
}

func openFile(t *testing.T, path string, f File, qcow2 bool) *os.File {
	t.Helper()
	if err := os.WriteFile(path, content(f), 0o600); err != nil {
		t.Fatal(err)
	}
	if qcow2 {
		out, err := exec.CommandContext(t.Context(), "qemu-img", "create", "-q", "-f", "qcow2", path, "1M").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	flags := map[Access]int{ReadWrite: os.O_RDWR, ReadOnly: os.O_RDONLY, Append: os.O_WRONLY | os.O_APPEND}
	file, err := os.OpenFile(path, flags[f.Access], 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func listen(t *testing.T, path string) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	defer func() { _ = l.Close() }()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// ask executes a command without arguments and returns what it returns, where that is an object.
func (q *qemu) ask(command string) map[string]any {
	q.t.Helper()
	object, _ := q.execute(command, nil).(map[string]any)
	return object
}

// get asks for a property of an object.
func (q *qemu) get(path, property string) any {
	q.t.Helper()
	return q.execute("qom-get", map[string]any{"path": path, "property": property})
}

func (q *qemu) execute(command string, arguments map[string]any) any {
	q.t.Helper()
	said, err := json.Marshal(map[string]any{"execute": command, "arguments": arguments})
	if arguments == nil {
		said, err = json.Marshal(map[string]any{"execute": command})
	}
	if err == nil {
		_, err = q.conn.Write(append(said, '\n'))
	}
	if err != nil {
		q.t.Fatal(err)
	}
	for {
		line, err := q.monitor.ReadBytes('\n')
		if err != nil {
			q.t.Fatalf("%s: %v", command, err)
		}
		var reply struct {
			Return any             `json:"return"`
			Error  json.RawMessage `json:"error"`
			Event  string          `json:"event"`
		}
		if err := json.Unmarshal(line, &reply); err != nil || reply.Error != nil {
			q.t.Fatalf("%s: %v: %s", command, err, line)
		}
		if reply.Event == "" {
			return reply.Return
		}
	}
}

// hasLocks holds that every disk that may be written carries QEMU's locks, which are those of an open file.
func (q *qemu) hasLocks() {
	q.t.Helper()
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		q.t.Fatal(err)
	}
	for _, f := range q.machine.Files {
		if f.Kind != DiskFile || f.Access != ReadWrite {
			continue
		}
		info, err := q.files[f.Name].Stat()
		if err != nil {
			q.t.Fatal(err)
		}
		if inode := ":" + inodeOf(info) + " "; !strings.Contains(string(locks), inode) {
			q.t.Errorf("nobody holds a lock on %s (inode%s)", f.Name, inode)
		}
	}
}
