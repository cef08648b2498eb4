//go:build labpair

package inside

import (
	"bufio"
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// Two labs run this at the same moment, lab1 and lab2, on a wire of their own.
func TestTwoHostsReachEachOther(t *testing.T) {
	self, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"lab1": "lab2", "lab2": "lab1"}[self]
	if other == "" {
		t.Fatalf("this host is called %q; make lab PAIR=1 names them lab1 and lab2", self)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // the other may boot later
	defer cancel()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", self+":7070")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	heard := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil {
			heard <- strings.TrimSpace(line)
		}
	}()
	said := false
	for !said {
		dialer := net.Dialer{Timeout: 5 * time.Second}
		conn, err := dialer.DialContext(ctx, "tcp", other+":7070")
		if err != nil {
			if ctx.Err() != nil {
				t.Fatalf("%s cannot be reached: %v", other, err)
			}
			select { // its kernel may not be up, or refuse because nobody listens yet
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		}
		_, err = conn.Write([]byte("this is " + self + "\n"))
		said = err == nil
		_ = conn.Close()
	}
	select {
	case line := <-heard:
		if line != "this is "+other {
			t.Errorf("%s says %q", other, line)
		}
	case <-ctx.Done():
		t.Fatalf("%s does not call", other)
	}
}
