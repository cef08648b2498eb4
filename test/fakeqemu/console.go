package fakeqemu

import (
	"bufio"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// console is the guest's serial console on a listening socket: one client at a time, and a log. The
// guest says "up" when it begins, and understands "poweroff", "reboot" and "panic".
type console struct {
	q      *QEMU
	socket *os.File // listens; does not block
	log    *os.File // nil for none

	mu     sync.Mutex
	client net.Conn
	closed bool
}

// console starts to serve the console that l listens for.
func (q *QEMU) console(l net.Listener, log *os.File) (*console, error) {
	u, ok := l.(*net.UnixListener)
	if !ok {
		return nil, nil // a connection without a listener; nobody uses it for a console
	}
	fd, err := duplicate(u)
	if err != nil {
		return nil, err
	}
	c := &console{q: q, socket: os.NewFile(uintptr(fd), "console"), log: log}
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	q.Do(func() {
		q.consoles = append(q.consoles, c)
		q.atEnd(func() error { c.close(); return l.Close() })
	})
	go func() {
		_ = raw.Read(func(uintptr) bool { c.accept(); return false }) // ends with the socket
	}()
	return c, nil
}

func duplicate(l *net.UnixListener) (fd int, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := raw.Control(func(s uintptr) { fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 3) }); e != nil {
		return 0, e
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	return fd, err
}

// accept takes the next client if there is none. QEMU has but one main loop, which looks for a client
// before it does the command that comes after; so do we (see handle).
func (c *console) accept() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil || c.closed {
		return
	}
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return
	}
	fd := -1
	_ = raw.Control(func(s uintptr) { fd, _, err = unix.Accept(int(s)) })
	if err != nil || fd < 0 {
		return // nobody there
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "console client")
	defer func() { _ = f.Close() }()
	if c.client, err = net.FileConn(f); err == nil {
		go c.serve(c.client)
	}
}

// serve echoes what is typed and does what the guest understands.
func (c *console) serve(client net.Conn) {
	lines := bufio.NewScanner(client)
	for lines.Scan() {
		word := strings.TrimSpace(lines.Text())
		c.q.Do(c.q.whenRunning(func() { c.q.typed(word) }))
	}
	c.mu.Lock()
	c.client = nil
	c.mu.Unlock()
	_ = client.Close()
	c.accept()
}

func (q *QEMU) typed(word string) {
	q.write(word + "\n")
	switch word {
	case "poweroff":
		q.guestPowersOff()
	case "reboot":
		q.guestResets()
	case "panic":
		q.guestPanics()
	}
}

func (c *console) close() {
	c.mu.Lock()
	c.closed = true
	if c.client != nil {
		_ = c.client.Close()
	}
	c.mu.Unlock()
	_ = c.socket.Close() // waits for accept, which takes the lock
}

func (c *console) attached() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client != nil
}

func (c *console) write(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.log != nil {
		_, _ = c.log.WriteString(text) // a full log stops no guest
	}
	if c.client != nil {
		_ = c.client.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.client.Write([]byte(text)) // nor does a client that has gone, or does not read
	}
}

func (q *QEMU) write(text string) {
	for _, c := range q.consoles {
		c.write(text)
	}
}
