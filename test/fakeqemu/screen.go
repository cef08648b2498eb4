package fakeqemu

import (
	"encoding/json"
	"io"
	"net"
)

// addClient takes a named connection for a VNC viewer: it says the version of its protocol, and then listens.
func addClient(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a := read[struct{ Protocol, FDName string }](args)
	f := q.named[a.FDName]
	if f == nil {
		return nil, refuse("File descriptor named '%s' not found", a.FDName)
	}
	delete(q.named, a.FDName)
	if a.Protocol != "vnc" {
		_ = f.Close()
		return nil, refuse("protocol '%s' is invalid", a.Protocol)
	}
	conn, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, refuse("file descriptor is not a socket")
	}
	q.atEnd(conn.Close)
	go func() {
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "RFB 003.008\n"); err == nil {
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	return nothing, nil
}
