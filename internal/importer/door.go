package importer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Door leads to a fetcher of its own for each download. Who closes the connection ends the download.
type Door func(ctx context.Context) (io.ReadWriteCloser, error)

// Socket is the door of the packaged hvd, which has no network: systemd listens there, and starts a fetcher for each who
// comes.
func Socket(path string) Door {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			return c, nil
		case ctx.Err() != nil:
			return nil, fault.New(fault.Unavailable, "the download was stopped").Because(context.Cause(ctx))
		case errors.Is(err, syscall.EAGAIN): // its queue is full
			return nil, fault.New(fault.Unavailable, "too much is being fetched").Because(err)
		}
		return nil, fault.New(fault.Precondition, "hvd fetches by hv-fetch, which does not answer").Because(err).WithCode("HV-IMG-019").
			Try("systemctl start hv-fetch.socket; or fetch it yourself, and then: hv image import NAME FILE")
	}
}

// Child is the door where nobody else starts fetchers: each is started by ourselves, and may what we may.
func Child(program string, args ...string) Door {
	return func(context.Context) (io.ReadWriteCloser, error) {
		ours, theirs, err := pair()
		if err != nil {
			return nil, fault.New(fault.Exhausted, "cannot start a fetcher").Because(err)
		}
		cmd := exec.Command(program, args...) //nolint:noctx // ourselves; it ends when its connection is closed
		cmd.Stdin, cmd.Stderr = theirs, os.Stderr
		err = errors.Join(cmd.Start(), theirs.Close())
		if err != nil {
			return nil, errors.Join(fault.New(fault.Internal, "cannot start a fetcher").Because(err), ours.Close())
		}
		return &child{Conn: ours, cmd: cmd}, nil
	}
}

// Within is the door to a fetcher in this process, for tests and for who has a process of his own to fetch in.
func Within(f *Fetcher) Door {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		ours, theirs := net.Pipe()
		go func() {
			_ = f.Serve(context.WithoutCancel(ctx), theirs) // who asked hears it
			_ = theirs.Close()
		}()
		return ours, nil
	}
}

// pair returns both ends of a connection: one for us, one for a child.
func pair() (net.Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), "fetcher"), os.NewFile(uintptr(fds[1]), "hvd") // #nosec G115 -- the kernel's
	c, err := net.FileConn(mine)
	if err = errors.Join(err, mine.Close()); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return c, theirs, nil
}

// child is a connection whose other end ends with it.
type child struct {
	net.Conn
	cmd  *exec.Cmd
	once sync.Once
}

func (c *child) Close() error {
	var err error
	c.once.Do(func() {
		err = c.Conn.Close()
		_ = c.cmd.Process.Kill() // it holds nothing that is not given back by that
		_ = c.cmd.Wait()
	})
	return err
}

// call asks a fetcher. The body ends with ctx, and is to be closed.
func (i *Importer) call(ctx context.Context, q request) (answer, io.ReadCloser, error) {
	conn, err := i.door(ctx)
	if err != nil {
		return answer{}, nil, err
	}
	free := context.AfterFunc(ctx, func() { _ = conn.Close() })
	b := &body{whole: whole{r: bufio.NewReaderSize(conn, 256<<10)}, conn: conn, free: free}
	var a answer
	err = writeLine(conn, q)
	if err == nil {
		err = readLine(b.r, &a)
	}
	switch {
	case ctx.Err() != nil:
		err = fault.New(fault.Unavailable, "the download was stopped").Because(context.Cause(ctx))
	case err != nil:
		err = fault.New(fault.Unavailable, "the fetcher went away before it answered").Because(err).WithCode("HV-IMG-015").Try("journalctl -u 'hv-fetch@*'")
	case a.Failed != nil:
		err = a.Failed.Err()
	}
	if err != nil {
		return a, nil, errors.Join(err, b.Close())
	}
	return a, b, nil
}

// body is what comes over a connection.
type body struct {
	whole
	conn io.Closer
	free func() bool
}

func (b *body) Close() error {
	if !b.free() {
		return nil // ctx has closed it
	}
	return b.conn.Close()
}
