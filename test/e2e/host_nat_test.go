//go:build e2e

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Addresses of the documentation's own network (RFC 5737): nobody has them.
const (
	outsideAddress = "198.51.100.1"
	hostAddress    = "198.51.100.2"
)

// outside is a network that the host is joined to by a cable: the world, for a VM behind NAT. What is done in it is
// done on a thread of its own, which stands in another network namespace.
type outside struct{ work chan func() }

func newOutside(t *testing.T) *outside {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatalf("%v: apt-get install iproute2", err)
	}
	o, begun := &outside{make(chan func())}, make(chan error)
	tid := 0
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and the network with it
		err := unix.Unshare(unix.CLONE_NEWNET)
		tid = unix.Gettid()
		begun <- err
		for f := range o.work {
			f()
		}
	}()
	t.Cleanup(func() { close(o.work) })
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	ip(t, "link", "add", "hvtest0", "type", "veth", "peer", "name", "hvtest1", "netns", fmt.Sprint(tid))
	t.Cleanup(func() { ip(t, "link", "delete", "hvtest0") })
	ip(t, "address", "add", hostAddress+"/24", "dev", "hvtest0")
	ip(t, "link", "set", "hvtest0", "up")
	o.do(func() {
		ip(t, "address", "add", outsideAddress+"/24", "dev", "hvtest1")
		ip(t, "link", "set", "hvtest1", "up")
	})
	return o
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Errorf("ip %v: %v %s", args, err, out)
	}
}

// do does something in that network.
func (o *outside) do(f func()) {
	done := make(chan struct{})
	o.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// reaches tries to connect from there.
func (o *outside) reaches(address string) (err error) {
	o.do(func() {
		d := net.Dialer{Timeout: 10 * time.Second, FallbackDelay: -1} // on this thread, not on one of its own
		var c net.Conn
		if c, err = d.Dial("tcp4", address); err == nil {
			err = c.Close()
		}
	})
	return err
}

// A VM's card is on the network "user", which is NAT: the guest reaches the world, and the world does not reach the
// guest, though something listens there.
func TestAGuestBehindNATReachesTheWorldAndIsNotReachedByIt(t *testing.T) {
	h := bootable(t)
	world := newOutside(t)
	var server net.Listener
	var err error
	world.do(func() { server, err = net.Listen("tcp4", outsideAddress+":8080") })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go greet(server)

	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "nat"; memory = "256MiB"; nics.lan = { network = "user"; };
	  boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1"; }; }`))
	must(t, h, "vm", "start", "nat")
	ready := must(t, h, "vm", "console", "nat", "--until", `guest: ready .*\)`, "--timeout", "2m")
	m := regexp.MustCompile(`address ([0-9.]+)`).FindStringSubmatch(ready)
	if m == nil {
		t.Fatalf("the guest has no address:\n%s", ready)
	}

	// The guest asks the world who it is, then serves, and asks itself until somebody answers: only tr writes that word.
	// In one line, since what is typed while a program runs is the program's.
	said := say(t, h, "nat", "wget -qO- http://"+outsideAddress+":8080/; (while :; do echo inside | nc -l -p 7000; done) & "+
		"until nc 127.0.0.1 7000 </dev/null | tr a-z A-Z | grep ^IN; do :; done\n", `INSIDE`)
	if !strings.Contains(said, "welcome, "+hostAddress) { // passt's socket is the host's
		t.Errorf("the world was not reached, or by another way:\n%s", said)
	}
	control, err := net.Listen("tcp4", hostAddress+":7001")
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	if err := world.reaches(hostAddress + ":7001"); err != nil {
		t.Fatalf("the world does not reach the host itself: %v", err)
	}
	world.do(func() { ip(t, "route", "add", "default", "via", hostAddress) })
	for _, address := range []string{hostAddress, m[1]} {
		if err := world.reaches(address + ":7000"); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EHOSTUNREACH) && !isTimeout(err) {
			t.Errorf("the world reaches the guest at %s: %v", address, err)
		}
	}
}

// greet tells everybody who asks by HTTP by which address he is seen.
func greet(server net.Listener) {
	for {
		c, err := server.Accept()
		if err != nil {
			return // it was closed
		}
		for in := bufio.NewScanner(c); in.Scan() && in.Text() != ""; { // the request
		}
		fmt.Fprintf(c, "HTTP/1.0 200 OK\r\n\r\nwelcome, %s\n", c.RemoteAddr())
		_ = c.Close()
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
