//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
)

// askEnv makes TestAnotherAsks the asker: it names hv-helper's socket.
const askEnv = "HV_E2E_ASK"

// TestAnotherAsks is the other process of TestARootOfAUserNamespaceIsNobody.
func TestAnotherAsks(t *testing.T) {
	socket := os.Getenv(askEnv)
	if socket == "" {
		t.Skip("it asks only when another test starts it")
	}
	fmt.Printf("I am uid %d\n", os.Getuid())
	conn, err := packet.Dial(socket, 10*time.Second)
	if err != nil {
		fmt.Printf("not let in: %v\n", err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_ = conn.Send([]byte(`{"verb":"hello"}`), nil)
	n, _, err := conn.Recv(make([]byte, privilege.MaxMessage), 1)
	fmt.Printf("got %d bytes, %v\n", n, err)
}

func TestARootOfAUserNamespaceIsNobody(t *testing.T) {
	h := newHelperHost(t)
	socket := filepath.Join(h.run, privilege.HelperSocket)
	if err := os.Chmod(socket, 0o666); err != nil { //nolint:gosec // its mode alone must not be what keeps him out
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestAnotherAsks$", "-test.v")
	cmd.Env = []string{askEnv + "=" + socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}},
		Credential:  &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: true},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skipf("this host lets nobody make a user namespace: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "I am uid 0") || !strings.Contains(string(out), "got 0 bytes") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAQEMUThatIsToldToOpensNoFileOfTheHosts gives a real QEMU the options by which it opens what it is
// named: what hvd would try that was taken over.
func TestAQEMUThatIsToldToOpensNoFileOfTheHosts(t *testing.T) {
	h := newHelperHost(t)
	const marker = "the host's own words"
	secret := filepath.Join(filepath.Dir(h.state), "open-to-all")
	if err := os.WriteFile(secret, []byte(strings.Repeat(marker+"\n", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(filepath.Dir(h.state), "made")
	for _, args := range [][]string{
		{"-drive", "if=virtio,format=raw,readonly=on,file=" + secret},
		{"-drive", "if=virtio,format=raw,readonly=on,file=/etc/shadow"},
		{"-drive", "if=virtio,format=raw,readonly=on,file=/proc/self/root/../.." + secret},
		{"-drive", "if=virtio,format=raw,readonly=on,file=/usr/../etc/shadow"},
		{"-blockdev", `{"driver":"file","filename":"` + secret + `","node-name":"n","read-only":true}`},
		{"-blockdev", `{"driver":"host_device","filename":"/dev/vda","node-name":"n","read-only":true}`},
		{"-kernel", secret},
		{"-bios", secret},
		{"-acpitable", "file=" + secret},
		{"-smbios", "file=" + secret},
		{"-fw_cfg", "name=opt/x,file=" + secret},
		{"-device", "virtio-net-pci,romfile=" + secret},
		{"-object", "memory-backend-file,id=m,size=16M,mem-path=" + secret},
		{"-object", "memory-backend-file,id=m,size=16M,share=on,mem-path=" + into},
		{"-object", "secret,id=s,file=" + secret},
		{"-object", "rng-random,id=r,filename=/dev/random", "-device", "virtio-rng-pci,rng=r"},
		{"-object", "filter-dump,id=d,netdev=n,file=" + into},
		{"-chardev", "file,id=c,path=" + into},
		{"-chardev", "pipe,id=c,path=" + secret},
		{"-chardev", "pty,id=c"},
		{"-chardev", "socket,id=c,path=" + filepath.Join(h.run, privilege.HelperSocket)},
		{"-chardev", "socket,id=c,host=127.0.0.1,port=22"},
		{"-netdev", "tap,id=n,ifname=hv-attack,script=no"},
		{"-netdev", "l2tpv3,id=n,src=127.0.0.1,dst=127.0.0.1,rxsession=1"},
		{"-device", "vfio-pci,host=0000:00:01.0"},
	} {
		said, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		l := pausedQ35()
		l.Files = []string{privilege.StderrFile}
		l.Args = append(l.Args, args...)
		_, pidfd, err := h.client.Launch(t.Context(), l, []*os.File{said})
		if err != nil {
			continue // the door, or the helper, has refused it
		}
		h.noteUIDs()
		awaitGone(t, pidfd)
		_ = pidfd.Close()
		_, _ = said.Seek(0, io.SeekStart)
		words, err := io.ReadAll(said)
		_ = said.Close()
		if err != nil || len(words) == 0 || strings.Contains(string(words), marker) {
			t.Errorf("%q: QEMU said %q, %v", args, words, err)
		}
		list, err := h.client.List(t.Context())
		if err != nil || len(list.VMs) != 1 || list.VMs[0].Exit != "exit status 1" {
			t.Errorf("%q: %+v, %v", args, list, err)
		}
	}
	if _, err := os.Lstat(into); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made on the host: %v", err)
	}
}

// TestFoldersThatHVDSwapsDuringCallsStayWhatTheyAre lets hvd's user try to put links and folders of its own in
// the place of the helper's, while VMs come and go.
func TestFoldersThatHVDSwapsDuringCallsStayWhatTheyAre(t *testing.T) {
	h := newHelperHost(t)
	vm := filepath.Join(h.run, "vm", helperVM)
	swaps := map[string]func() error{
		"the table of uids": func() error { return os.Rename(filepath.Join(h.state, "helper"), filepath.Join(h.state, "moved")) },
		"a file in it":      func() error { return os.WriteFile(filepath.Join(h.state, "helper", "uids.json"), []byte("{}"), 0o600) },
		"a VM's folder":     func() error { return os.Rename(vm, vm+".moved") },
		"a link for it":     func() error { return os.Symlink("/etc", vm+".new") },
		"a VM's socket":     func() error { return os.Remove(filepath.Join(vm, "qmp.sock")) },
		"a link for one":    func() error { return os.Symlink("/etc/shadow", filepath.Join(vm, "net.sock")) },
		"the jail":          func() error { return os.Symlink("/", filepath.Join(h.run, "jail", "usr")) },
		"the helper's own":  func() error { return os.Remove(filepath.Join(h.run, privilege.HelperSocket)) },
		"the API's":         func() error { return os.Remove(filepath.Join(h.run, privilege.APISocket)) },
		"the record":        func() error { return os.WriteFile(filepath.Join(vm, "record.json"), []byte("{}"), 0o600) },
	}
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		tried := 0
		defer func() { ended <- tried }()
		as(t, helperHVD, helperHVD, func() {
			for {
				for name, swap := range swaps {
					tried++
					if err := swap(); err == nil {
						t.Errorf("hvd's user has swapped %s", name)
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}()
	for range 5 {
		_, pidfd := h.mustLaunch(pausedQ35())
		if err := h.client.Kill(t.Context(), helperVM, privilege.SignalKill); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, pidfd)
		if err := h.client.Forget(t.Context(), helperVM); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	t.Logf("%d swaps tried while 5 VMs came and went", <-ended)
	h.nothingLeft()
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(h.state, "helper"), &st); err != nil || st.Uid != 0 || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		t.Errorf("the helper's folder: %+v, %v", st, err)
	}
}
